// The room of the admin listener: who may ask, which questions there are, and the answers over HTTP. The
// content of the answers is given to it: it knows no proxy.

export { Admin, type AdminOptions } from './admin.js'
export { adminLife } from './admin-exchange.js'
export { type AdminLimits, adminLimits } from './limits.js'
export {
  type AdminAnswer,
  type AdminAnswers,
  type AdminQuestion,
  type AdminRoute,
  AdminRoutes,
  error,
  json,
  plain,
} from './routes.js'
