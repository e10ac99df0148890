// The room of the configuration: from files to checked plain data.

export type * from './configuration.js'
