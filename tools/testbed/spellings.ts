// Spellings of a protected path that backends read as that path, and the readings of different backends.

/**
 * Spellings of `/admin`, or of a path under it, that some backend reads as such. None may get past its route.
 */
export const ADMIN_SPELLINGS: readonly string[] = [
  '/admin',
  '/admin/',
  '/admin?x',
  '/admin/x',
  // Encoded characters.
  '/%61dmin',
  '/%61%64%6d%69%6e',
  '/%61%64%6D%69%6E/x',
  '/admi%6E?x=/',
  // Empty segments, which nginx merges, and URL takes for a host.
  '//admin',
  '///admin/',
  '//x/admin',
  '/%2Fadmin',
  '/%2f%2fadmin',
  '/admin//x',
  '/.//admin',
  // Dot segments.
  '/./admin',
  '/x/../admin',
  '/x/y/../../admin',
  '/admin/.',
  '/admin/./x',
  '/admin/x/..',
  '/../admin',
  '/%2e/admin',
  '/x/%2e%2e/admin',
  '/x/.%2E/admin',
  '/x%2F..%2Fadmin',
  '/x/..%2Fadmin',
  '/x%2f%2e%2e%2fadmin',
  '/x/../%61dmin',
  '/public/../admin?x',
  // Backslashes, which URL takes for slashes.
  '/\\admin',
  '\\admin',
  '/x\\..\\admin',
  '/x/..\\admin',
  '/admin\\x',
  '/admin%5Cx',
  '/x%5c..%5cadmin',
  '/x/..%5cadmin',
  // Parameters of segments, which servlet containers remove.
  '/admin;x',
  '/admin;/x',
  '/admin;jsessionid=1/x',
  '/;/admin',
  '/x/..;/admin',
  '/x/..;a=b/admin',
  '/.;/admin',
  '/admin%3Bx',
  '/x/..%3B/admin',
  '/x;/..%2Fadmin',
  '/x;%2F..%2Fadmin',
  // Decoded before they are parsed.
  '/admin%3Fx',
  '/admin%23x',
  '/admin%00',
  '/admin%00.html',
  '/admin%2Fx',
  // Blanks, which URL drops.
  '/admin%20',
  '/ad%0Amin',
  '/x/.%09./admin',
  // Decoded twice.
  '/%2561dmin',
  '/%25%36%31dmin',
  '/%252e%252e/admin',
  '/x/%252e%252e/admin',
  '/x%252f..%252fadmin',
  '/%252fadmin',
  '/x%255c..%255cadmin',
]

/** The parts of random spellings. */
export const SPELLING_PARTS: readonly string[] = [
  '/',
  '/',
  '/',
  'admin',
  'admin',
  'x',
  '.',
  '..',
  '%2e',
  '%2E%2e',
  '%2F',
  '%2f',
  '%5c',
  '\\',
  ';',
  ';a=b',
  '%3B',
  '%61dmin',
  'adm%69n',
  '%2561dmin',
  '%252e',
  '%252F',
  '%25',
  '%',
  '%00',
  '%3F',
  '%23',
  '%20',
  '%0A',
  '%09',
  '?',
  '@',
  '%40',
]

const decodedOnce = (path: string): string => {
  try {
    return decodeURIComponent(path)
  } catch {
    // An odd `%` stays, as in lenient decoders.
    return path.replace(/%([\da-f]{2})/gi, (_, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 16)),
    )
  }
}

const untilQuery = (target: string): string => target.split('?', 1)[0]
const withoutParameters = (path: string): string => path.replace(/;[^/]*/g, '')

/** Merges slashes and removes dot segments. */
function resolved(path: string): string {
  const kept: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop()
    else if (segment !== '' && segment !== '.') kept.push(segment)
  }
  return `/${kept.join('/')}`
}

function pathOfUrl(target: string): string {
  try {
    return new URL(target, 'http://host').pathname
  } catch {
    return ''
  }
}

/** The ways in which programs get a path from a target, by the program or its kind. */
export const READERS: Readonly<Record<string, (target: string) => string>> = {
  'as it is': untilQuery,
  'new URL': pathOfUrl,
  'new URL, decoded': (target) => decodedOnce(pathOfUrl(target)),
  'decoded, as Express has it': (target) => decodedOnce(untilQuery(target)),
  'decoded, then new URL': (target) => pathOfUrl(decodedOnce(target)),
  'a file server: decoded and resolved': (target) => resolved(decodedOnce(untilQuery(target))),
  'a file server of Windows': (target) => resolved(decodedOnce(untilQuery(target)).replaceAll('\\', '/')),
  'ends at NUL': (target) => resolved(decodedOnce(untilQuery(target)).split('\0', 1)[0]),
  'a servlet container': (target) => resolved(decodedOnce(withoutParameters(untilQuery(target)))),
  'a container that decodes first': (target) => resolved(withoutParameters(decodedOnce(untilQuery(target)))),
  'decoded, then parsed': (target) => resolved(decodedOnce(untilQuery(target)).split(/[?#]/, 1)[0]),
  'decoded twice': (target) => resolved(decodedOnce(decodedOnce(untilQuery(target))).replaceAll('\\', '/')),
}
