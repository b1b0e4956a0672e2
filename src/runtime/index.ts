export { type DeviceChoice, type WantedDevice, chooseDevice } from "./device.js";
export type { DeviceName, ModelSource, ValueDescription } from "./protocol.js";
export { type ResidentTensor, dropTensors, isPlaced, placeTensors } from "./resident.js";
export { type RunOptions, type Session, type SessionOptions, openSession, slowFusions } from "./session.js";
export { physicalCores } from "./threads.js";
export { type RuntimeVersions, runtimeVersions } from "./versions.js";
