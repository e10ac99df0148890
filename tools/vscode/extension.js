// Connects VS Code to the debugger of a Fermata server. The server speaks the Debug Adapter Protocol itself, so
// this only says where it is.

const vscode = require('vscode')

exports.activate = (context) => {
  const factory = {
    createDebugAdapterDescriptor({ configuration: { host, port, path } }) {
      return path === undefined
        ? new vscode.DebugAdapterServer(port ?? 4711, host ?? '127.0.0.1')
        : new vscode.DebugAdapterNamedPipeServer(path)
    },
  }
  context.subscriptions.push(vscode.debug.registerDebugAdapterDescriptorFactory('fermata', factory))
}

exports.deactivate = () => {}
