// The room of balancing: endpoints as members, the choice of one, their health and load. It knows no HTTP.

export type * from './options.js'
