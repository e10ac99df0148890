// Frames into whole connections of both roles, and a whole proxy of either version to either, for a moment each.

import { short } from '../../world/short-fuzz.js'

short({ frontend: 60, backend: 60, mixed: 60 })
