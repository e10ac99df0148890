// The frontend inside a program of Node: requests of node:http and of the compatibility API of node:http2
// become streams of exchanges.

export { NodeClient } from './client.js'
export { NodeFrontend, type NodeFrontendEvents, nodeFrontendLife } from './frontend.js'
export { type NodeFrontendLimits, nodeFrontendLimits } from './limits.js'
export type { NodeBody, NodeConnection, NodeResponse, Sink, SinkEvents } from './messages.js'
export { groupedFields, ResponseSink } from './response-sink.js'
export { type HeadChanges, NodeFrontendStream } from './stream.js'
