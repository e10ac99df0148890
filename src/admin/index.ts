// The room of the admin listener: who may ask, what is asked, and the answers over HTTP. What it tells is
// given to it: it knows no proxy.

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
