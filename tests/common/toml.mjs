// Writes a plain object as TOML: tables of scalars, lists of scalars or of tables, and tables.

const scalar = (value) => {
  if (Array.isArray(value)) return `[${value.map(scalar).join(', ')}]`
  // A JSON string is a valid TOML basic string.
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (isTable(value)) return `{ ${pairs(value).join(', ')} }`
  throw new TypeError(`no TOML for ${JSON.stringify(value)}`)
}

const pairs = (table) => Object.entries(table).map(([key, value]) => `${key} = ${scalar(value)}`)

const isTable = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)

export function toml(config, path = []) {
  const entries = Object.entries(config).filter(([, value]) => value !== undefined)
  const lines = entries.filter(([, value]) => !isTable(value)).map(([key, value]) => `${key} = ${scalar(value)}`)
  const head = path.length > 0 && lines.length > 0 ? [`[${path.join('.')}]`] : []
  const tables = entries.filter(([, value]) => isTable(value)).map(([key, value]) => toml(value, [...path, key]))
  return [...head, ...lines, ...tables].join('\n')
}

/** `extra` laid over `base`, table by table. */
export function merge(base, extra = {}) {
  const merged = { ...base }
  for (const [key, value] of Object.entries(extra)) {
    merged[key] = isTable(value) && isTable(base[key]) ? merge(base[key], value) : value
  }
  return merged
}
