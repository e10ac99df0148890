// The room of balancing: endpoints as members, the choice of a member, their health and load.
// It knows no HTTP.

export type * from './balance-event.js'
export { Balancer } from './balancer.js'
export { type BalancerOptions, balancerOptions } from './balancer-options.js'
export { type ActiveState, Member } from './member.js'
export { type MemberState, type OverlayState, overlayState } from './member-state.js'
export type * from './options.js'
export type { Overlay } from './overlay.js'
export { backoffMs, RetryBudget } from './retry-budget.js'
