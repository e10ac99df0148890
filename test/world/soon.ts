// A test that asks again and again until something holds, in another process or in time, lets go of the
// processor in between: setImmediate would keep it busy, and slow what is waited for.

export const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))
