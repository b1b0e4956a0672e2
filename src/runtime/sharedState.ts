/* Words of memory that the main thread and the worker share. */

/** 1 while the worker serves a request. */
export const busyWord = 0;

/** 1 when the worker may not begin another request: the process is ending. */
export const closingWord = 1;
