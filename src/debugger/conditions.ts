// Conditions of breakpoints and filters of lists, in CEL (the Common Expression Language, as in Envoy and
// Kubernetes): `request.path.startsWith('/api') && response.code >= 500`. The caller lends the names, with
// their types and the functions that read them: this room does not know what a request is.
//
// A condition runs between two steps of a live request, so its time is bounded when it is set: by its length,
// its parts and their depth; by the functions that it may call, all of linear time; by no loop inside a loop.
// `matches` is refused, since its regular expressions backtrack: `glob(text, pattern)` replaces it.

import {
  type ASTNode,
  Environment,
  EvaluationError,
  ParseError,
  TypeError as TypeFault,
} from '@marcbachmann/cel-js'
import { Glob } from './glob.js'
import type { DebuggerLimits } from './limits.js'

interface Typed<V, T extends string, R> {
  readonly type: T
  /** The explanation, for help and completion. */
  readonly about: string
  /** Returns the value now; null if there is none yet. Strings and maps are bounded by this function. */
  read(view: V): R | null
}

/** A name in conditions, read from a view `V`. A map is a `Map`; its keys and values are strings. */
export type Name<V> =
  | Typed<V, 'string', string>
  | Typed<V, 'int', number>
  | Typed<V, 'double', number>
  | Typed<V, 'bool', boolean>
  | Typed<V, 'map', ReadonlyMap<string, string>>

/** The names of conditions: `step`, or of two parts, `request.path`. */
export type Vocabulary<V> = { readonly [name: string]: Name<V> }

export interface Condition<V> {
  readonly text: string
  /**
   * Returns true if the condition holds. It returns false if the condition reads a missing value, or fails.
   */
  test(view: V): boolean
}

const NODES_MAX = 256
const DEPTH_MAX = 24
/** The most parts of a loop's condition, which runs for each field of a head. */
const LOOP_NODES_MAX = 32

/** The most elements of one list that is written in a condition. */
const LIST_ELEMENTS_MAX = 64
const ARGUMENTS_MAX = 4

const FUNCTIONS: ReadonlySet<string> = new Set(['has', 'size', 'int', 'double', 'string', 'bool', 'glob'])
const METHODS: ReadonlySet<string> = new Set([
  'size',
  'startsWith',
  'endsWith',
  'contains',
  'lowerAscii',
  'upperAscii',
  'trim',
])
const LOOPS: ReadonlySet<string> = new Set(['exists', 'exists_one', 'all'])

/** The errors that mean a missing value: a response that has not come, a field that was not sent. */
const ABSENT: ReadonlySet<string> = new Set(['no_such_key', 'unknown_variable'])

/** The source of a condition's values while it runs. */
class Subject<V> {
  view: V | null = null
}

/** The names with the same first part: `request`. */
class Group<V> {
  readonly subject: Subject<V>

  constructor(subject: Subject<V>) {
    this.subject = subject
  }
}

interface GroupType<V> {
  readonly ctor: new (subject: Subject<V>) => Group<V>
  readonly fields: Record<string, string>
}

/** A name as CEL declares it. */
const celType = (name: Name<never>): string => (name.type === 'map' ? 'map<string, string>' : name.type)

/** Reads a name as a value of CEL: integers are bigints, and undefined is missing. */
function celValue<V>(name: Name<V>, subject: Subject<V>): unknown {
  const value = subject.view === null ? null : name.read(subject.view)
  if (value === null) return undefined
  if (name.type === 'int') return Number.isSafeInteger(value) ? BigInt(value as number) : undefined
  return value
}

/** Compiles conditions over one vocabulary. */
export class Conditions<V> {
  readonly vocabulary: Vocabulary<V>
  private readonly limits: DebuggerLimits
  private readonly groups: ReadonlyMap<string, GroupType<V>>

  constructor(vocabulary: Vocabulary<V>, limits: DebuggerLimits) {
    this.vocabulary = vocabulary
    this.limits = limits
    const groups = new Map<string, GroupType<V>>()
    for (const [whole, name] of Object.entries(vocabulary)) {
      const [first, field, more] = whole.split('.')
      if (more !== undefined) throw new RangeError(`'${whole}': a name has one part or two`)
      if (field === undefined) continue
      const group = groups.get(first) ?? { ctor: class extends Group<V> {}, fields: {} }
      groups.set(first, group)
      group.fields[field] = celType(name)
      Object.defineProperty(group.ctor.prototype, field, {
        get(this: Group<V>) {
          return celValue(name, this.subject)
        },
      })
    }
    this.groups = groups
  }

  /**
   * Compiles a condition. If it is refused, returns the reason as text.
   * @param failed is told once if the condition fails when it runs: a division by zero, `int('x')`
   */
  compile(text: string, failed: (why: string) => void): Condition<V> | string {
    if (text.trim() === '') return 'the condition is empty'
    if (text.length > this.limits.conditionCharactersMax)
      return `the condition has ${text.length} characters; at most ${this.limits.conditionCharactersMax} are allowed`
    const globs = new Map<string, Glob>()
    try {
      const program = this.environment(globs).parse(text)
      const fault = new Rules(this.vocabulary, this.groups, globs).faultIn(program.ast, null)
      if (fault !== null) return fault
      const { valid, type, error } = program.check()
      if (!valid) return textOf(error)
      if (type !== 'bool') return `a condition must be true or false, and this is of type ${type}`
      return new Compiled(text, program, this.context(), failed)
    } catch (error) {
      return `${textOf(error)}${operatorHint(text, error)}`
    }
  }

  /** Makes an environment for one condition: the library keeps each function name that it has met. */
  private environment(globs: ReadonlyMap<string, Glob>): Environment {
    const environment = new Environment({
      limits: {
        maxAstNodes: NODES_MAX,
        maxDepth: DEPTH_MAX,
        maxListElements: LIST_ELEMENTS_MAX,
        maxMapEntries: 0,
        maxCallArguments: ARGUMENTS_MAX,
      },
    })
    for (const [name, { ctor, fields }] of this.groups)
      environment.registerType(name, { ctor, fields }).registerVariable(name, name)
    for (const [name, typed] of Object.entries(this.vocabulary))
      if (!name.includes('.')) environment.registerVariable(name, celType(typed))
    environment.registerOperator('int == double', (a: bigint, b: number) => Number(a) === b)
    environment.registerFunction(
      'glob(string, string): bool',
      (subject: string, pattern: string) => globs.get(pattern)?.matches(subject) === true,
      { async: false },
    )
    return environment
  }

  private context(): Context<V> {
    const subject = new Subject<V>()
    const names: Record<string, unknown> = {}
    for (const [name, { ctor }] of this.groups) names[name] = new ctor(subject)
    for (const [name, typed] of Object.entries(this.vocabulary))
      if (!name.includes('.')) Object.defineProperty(names, name, { get: () => celValue(typed, subject) })
    return { subject, names }
  }
}

interface Context<V> {
  readonly subject: Subject<V>
  readonly names: Record<string, unknown>
}

class Compiled<V> implements Condition<V> {
  readonly text: string
  private readonly program: (names: Record<string, unknown>) => unknown
  private readonly context: Context<V>
  private readonly failed: (why: string) => void
  private hasFailed: boolean

  constructor(
    text: string,
    program: (names: Record<string, unknown>) => unknown,
    context: Context<V>,
    failed: (why: string) => void,
  ) {
    this.text = text
    this.program = program
    this.context = context
    this.failed = failed
    this.hasFailed = false
  }

  test(view: V): boolean {
    const { subject, names } = this.context
    subject.view = view
    try {
      return this.program(names) === true
    } catch (error) {
      if (!(error instanceof EvaluationError && ABSENT.has(error.code))) this.fail(error)
      return false
    } finally {
      // A loop in the program keeps its last subject, which must not keep the request.
      subject.view = null
    }
  }

  private fail(error: unknown): void {
    if (this.hasFailed) return
    this.hasFailed = true
    this.failed(`the condition '${this.text}' is false where it fails: ${textOf(error)}`)
  }
}

/** The rules for the parts of a condition. */
class Rules<V> {
  private readonly vocabulary: Vocabulary<V>
  private readonly groups: ReadonlyMap<string, GroupType<V>>
  /** The patterns found so far. */
  private readonly globs: Map<string, Glob>
  /** The number of parts visited so far. */
  private nodes: number

  constructor(
    vocabulary: Vocabulary<V>,
    groups: ReadonlyMap<string, GroupType<V>>,
    globs: Map<string, Glob>,
  ) {
    this.vocabulary = vocabulary
    this.groups = groups
    this.globs = globs
    this.nodes = 0
  }

  /** Returns the fault in this part, or null. `variable` belongs to the loop around it. */
  faultIn(node: ASTNode, variable: string | null): string | null {
    this.nodes++
    switch (node.op) {
      case 'value':
        return null
      case 'id':
        return node.args === variable ? null : this.nameFault(node, node.args)
      case '.':
        return this.fieldFault(node, node.args[0], node.args[1], variable)
      case 'call':
        return this.callFault(node, node.args[0], node.args[1], variable)
      case 'rcall':
        return this.methodFault(node, node.args[0], node.args[1], node.args[2], variable)
      case '!_':
      case '-_':
        return this.faultIn(node.args, variable)
      case 'list':
        if (node.args.some((each) => each.op === 'list')) return at(node, 'a list inside a list')
        return this.firstFault(node.args, variable)
      case 'map':
      case '.?':
      case '[?]':
        return at(node, `'${node.op}' is not supported`)
      default:
        return this.firstFault(node.args, variable)
    }
  }

  private firstFault(nodes: readonly ASTNode[], variable: string | null): string | null {
    for (const node of nodes) {
      const fault = this.faultIn(node, variable)
      if (fault !== null) return fault
    }
    return null
  }

  private nameFault(node: ASTNode, name: string): string | null {
    const group = this.groups.get(name)
    if (group !== undefined)
      return at(node, `'${name}' has names: ${this.namesOf(name, Object.keys(group.fields))}`)
    if (!name.includes('.') && Object.hasOwn(this.vocabulary, name)) return null
    return at(node, `unknown name '${name}'; there are ${Object.keys(this.vocabulary).join(', ')}`)
  }

  private namesOf(group: string, fields: readonly string[]): string {
    return fields.map((each) => `${group}.${each}`).join(', ')
  }

  private fieldFault(node: ASTNode, of: ASTNode, field: string, variable: string | null): string | null {
    const group = of.op === 'id' && of.args !== variable ? this.groups.get(of.args) : undefined
    if (group === undefined || of.op !== 'id') return this.faultIn(of, variable)
    if (Object.hasOwn(group.fields, field)) return null
    const known = this.namesOf(of.args, Object.keys(group.fields))
    return at(node, `unknown name '${of.args}.${field}'; there are ${known}`)
  }

  private callFault(
    node: ASTNode,
    name: string,
    given: readonly ASTNode[],
    variable: string | null,
  ): string | null {
    if (name === 'matches') return at(node, MATCHES)
    if (!FUNCTIONS.has(name)) return at(node, `unknown function '${name}'; there are ${callable}`)
    if (name === 'glob') {
      const pattern = given[1]
      if (pattern?.op !== 'value' || typeof pattern.args !== 'string')
        return at(node, "the pattern of glob(text, pattern) must be written out: '/api/*'")
      this.globs.set(pattern.args, new Glob(pattern.args))
    }
    return this.firstFault(given, variable)
  }

  private methodFault(
    node: ASTNode,
    name: string,
    of: ASTNode,
    given: readonly ASTNode[],
    variable: string | null,
  ): string | null {
    if (name === 'matches') return at(node, MATCHES)
    if (LOOPS.has(name)) return this.loopFault(node, name, of, given, variable)
    if (!METHODS.has(name)) return at(node, `unknown function '${name}'; there are ${callable}`)
    return this.firstFault([of, ...given], variable)
  }

  private loopFault(
    node: ASTNode,
    name: string,
    of: ASTNode,
    given: readonly ASTNode[],
    around: string | null,
  ): string | null {
    if (around !== null) return at(node, `'${name}' inside a loop: a loop inside a loop may take too long`)
    const variable = given[0]
    if (variable?.op !== 'id' || given.length !== 2) return at(node, `write ${name}(variable, condition)`)
    if (this.groups.has(variable.args) || Object.hasOwn(this.vocabulary, variable.args))
      return at(variable, `'${variable.args}' is a name already: take another for the variable of the loop`)
    const fault = this.faultIn(of, null)
    if (fault !== null) return fault
    const before = this.nodes
    const inside = this.faultIn(given[1], variable.args)
    if (inside !== null) return inside
    return this.nodes - before > LOOP_NODES_MAX
      ? at(node, `a loop has more than ${LOOP_NODES_MAX} parts: it may take too long`)
      : null
  }
}

const MATCHES =
  "'matches' is not supported, since a regular expression may take too long: write glob(text, '/api/*'), where * is any text and ? one character"

const callable = [...new Set([...FUNCTIONS, ...METHODS, ...LOOPS])].sort().join(', ')

const at = (node: { readonly start: number }, text: string): string =>
  `${text} (at character ${node.start + 1})`

/** The messages for the library's bounds, by its name for each. */
const BOUNDS: ReadonlyMap<string, string> = new Map([
  ['maxAstNodes', `the condition has more than ${NODES_MAX} parts`],
  ['maxDepth', `the condition is nested more than ${DEPTH_MAX} deep`],
  ['maxListElements', `a list has more than ${LIST_ELEMENTS_MAX} elements`],
  ['maxMapEntries', "'map' is not supported"],
  ['maxCallArguments', `a function has more than ${ARGUMENTS_MAX} arguments`],
])

/** CEL's spelling for operators of other languages. */
const OPERATORS: Readonly<Record<string, string>> = {
  '=': '== to compare',
  '&': '&& for and',
  and: '&& for and',
  '|': '|| for or',
  or: '|| for or',
}

/** Returns the replacement of the operator at which parsing failed; '' if there is no such operator. */
function operatorHint(text: string, error: unknown): string {
  if (!(error instanceof ParseError) || error.range === undefined) return ''
  const there = text.slice(error.range.start, error.range.end)
  return Object.hasOwn(OPERATORS, there) ? `: write ${OPERATORS[there]}` : ''
}

/** Returns an error of the library as one line. */
function textOf(error: unknown): string {
  if (!(error instanceof ParseError || error instanceof TypeFault || error instanceof EvaluationError))
    return error instanceof Error ? error.message : String(error)
  const { summary, range } = error
  const bound = BOUNDS.get(/^Exceeded (\w+)/.exec(summary)?.[1] ?? '')
  const mixed = /overload: (?:int \S+ double|double \S+ int)$/.test(summary)
  const text = mixed ? `${summary}: write a double as 1.0, or double(…)` : (bound ?? summary)
  return range === undefined ? text : at(range, text)
}
