// The time within which a debugger's connection must attach. Otherwise it would keep a place that
// a debugger needs.

import { Deadline, type Socket } from '../pollset/index.js'

/** Closes a connection that has not attached in time. */
export class AttachBy extends Deadline {
  private readonly socket: Socket

  constructor(socket: Socket) {
    super()
    this.socket = socket
  }

  expire(): void {
    this.socket.destroy()
  }
}
