"use strict";
// The process that a kernel spec starts: tslab 1.0.22 with its edges repaired from outside. tslab itself stays as it is installed;
// everything is patched before its entry is loaded, so the order of this file matters. Usage: node kernelShim.cjs kernel --config-path FILE
const { format } = require("node:util");

// An interrupt must not end a kernel that is still starting; tslab adds its own listener once it runs.
process.on("SIGINT", () => {});
// Our runner holds an IPC channel: when the runner is gone, however it went, its kernel goes too.
if (process.channel) {
  process.on("disconnect", () => process.exit(0));
  process.channel.unref();
}

const fromTslab = require("node:module").createRequire(require.resolve("tslab/dist/jupyter.js"));
unlimitPublisher(fromTslab("zeromq"));
const lastFailure = catchFailures(require("tslab/dist/executor.js"));
completeMessages(require("tslab/dist/jupyter.js"), lastFailure);

const at = process.argv.indexOf("--config-path");
if (at < 0 || process.argv[at + 1] === undefined) {
  console.error("usage: node kernelShim.cjs kernel --config-path FILE");
  process.exit(2);
}
require("tslab/dist/main.js").startKernel({ configPath: process.argv[at + 1], enableFindLocal: false, jsKernel: false });

/**
 * Past some 500 messages in one turn of the event loop a publisher with the default limits refuses to send, and tslab drops the message, the
 * closing `idle` included. Without limits everything is queued at once.
 */
function unlimitPublisher(zeromq) {
  const Base = zeromq.Publisher;
  zeromq.Publisher = class Publisher extends Base {
    constructor(options) {
      super({ ...options, sendTimeout: 0, sendHighWaterMark: 0 });
    }
  };
}

/** Keeps what tslab would only print to stderr when a cell fails; the returned object holds it as `{ ename, evalue, traceback }`. */
function catchFailures(executor) {
  const failure = { value: undefined, texts: [] };
  const { createExecutor } = executor;
  executor.createExecutor = (directory, converters, output) => createExecutor(directory, converters, {
    log: output.log,
    error: (first, ...rest) => {
      if (typeof first === "string") failure.texts.push(format(first, ...rest));
      else failure.value = describeError(first);
    },
  });
  return {
    clear() {
      failure.value = undefined;
      failure.texts = [];
    },
    take() {
      const { value, texts } = failure;
      this.clear();
      return value ?? { ename: "TypeScriptError", evalue: texts[0] ?? "the cell failed", traceback: texts };
    },
  };
}

function describeError(error) {
  if (!(error instanceof Error)) return { ename: "UncaughtValue", evalue: format(error), traceback: [format(error)] };
  const stack = String(error.stack ?? error).split("\n").filter((line) => !/^\s+at .*(tslab[\\/]dist|node:vm|node:internal|kernelShim\.cjs)/.test(line));
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) stack.push(`Caused by ${cause.name}: ${cause.message}`);
  return { ename: error.name, evalue: error.message, traceback: stack };
}

/** Execution as the Jupyter protocol describes it: `execute_input` with the number of the cell, `error` with its parts, `aborted` spelled right. */
function completeMessages({ ZmqServer, JupyterHandlerImpl }, lastFailure) {
  const announcers = new WeakMap();
  const { handleExecuteImpl } = JupyterHandlerImpl.prototype;
  JupyterHandlerImpl.prototype.handleExecuteImpl = function (request, writeStream, writeDisplayData) {
    lastFailure.clear();
    announcers.get(request)?.(this.execCount + 1);
    return handleExecuteImpl.call(this, request, writeStream, writeDisplayData);
  };

  ZmqServer.prototype.handleExecute = async function (socket, message) {
    const publish = (type, content) => send(this.connInfo.key, this.iopub, message, type, content);
    announcers.set(message.content, (count) => publish("execute_input", { code: message.content.code, execution_count: count }));
    const content = await this.handler.handleExecute(
      message.content,
      (name, text) => publish("stream", { name, text }),
      (data, update) => publish(update ? "update_display_data" : "display_data", data),
    );
    if (content.status === "abort") content.status = "aborted";
    if (content.status === "error") {
      const failure = lastFailure.take();
      Object.assign(content, failure);
      publish("error", failure);
    }
    send(this.connInfo.key, socket, message, "execute_reply", content);
  };
}

function send(key, socket, message, type, content) {
  const reply = message.createReply();
  reply.header.msg_type = type;
  reply.content = content;
  reply.signAndSend(key, socket);
}
