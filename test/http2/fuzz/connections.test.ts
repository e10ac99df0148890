// Frames into whole connections of both roles, for a moment each.

import { short } from '../../world/short-fuzz.js'

short({ frontend: 60, backend: 60 })
