// Times as the current person reads them: in that person's own time zone.

const made = new Map();

function format(zone, options) {
  const key = zone + JSON.stringify(options);
  if (!made.has(key)) {
    try {
      made.set(key, new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone }));
    } catch {
      made.set(key, new Intl.DateTimeFormat("en-GB", { ...options, timeZone: "UTC" }));
    }
  }
  return made.get(key);
}

export const clock = (seconds, zone) => format(zone, { hour: "2-digit", minute: "2-digit" }).format(seconds * 1000);
export const dayKey = (seconds, zone) =>
  format(zone, { year: "numeric", month: "2-digit", day: "2-digit" }).format(seconds * 1000);

export function full(seconds, zone) {
  return format(zone, { weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" }).format(seconds * 1000);
}

export function day(seconds, zone, now = Date.now() / 1000) {
  const near = relativeDay(seconds, zone, now);
  return near ? near[0].toUpperCase() + near.slice(1) : format(zone, { weekday: "long", day: "numeric", month: "long" }).format(seconds * 1000);
}

function relativeDay(seconds, zone, now) {
  for (const [name, shift] of [["today", 0], ["yesterday", -86400], ["tomorrow", 86400]]) {
    if (dayKey(seconds, zone) === dayKey(now + shift, zone)) return name;
  }
  return null;
}

export function ago(seconds, now = Date.now() / 1000) {
  const gone = Math.round(now - seconds);
  const [count, unit] = Math.abs(gone) < 60 ? [gone, "second"] : Math.abs(gone) < 3600 ? [Math.round(gone / 60), "minute"]
    : Math.abs(gone) < 86400 ? [Math.round(gone / 3600), "hour"] : [Math.round(gone / 86400), "day"];
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(-count, unit);
}

// The {tokens} of <!date^…>.
export function tokens(seconds, pattern, zone, now = Date.now() / 1000) {
  const at = (options) => format(zone, options).format(seconds * 1000);
  const short = { day: "numeric", month: "short", year: "numeric" };
  const long = { weekday: "long", day: "numeric", month: "long", year: "numeric" };
  const plain = { day: "numeric", month: "long", year: "numeric" };
  const pretty = (options) => relativeDay(seconds, zone, now) ?? at(options);
  const known = {
    date_num: () => at({ year: "numeric", month: "2-digit", day: "2-digit" }).split("/").reverse().join("-"),
    date_slash: () => at({ year: "numeric", month: "2-digit", day: "2-digit" }),
    date: () => at(plain), date_short: () => at(short), date_long: () => at(long),
    date_pretty: () => pretty(plain), date_short_pretty: () => pretty(short), date_long_pretty: () => pretty(long),
    time: () => clock(seconds, zone), time_secs: () => at({ hour: "2-digit", minute: "2-digit", second: "2-digit" }),
    ago: () => ago(seconds, now), day_divider_pretty: () => day(seconds, zone, now),
  };
  return pattern.replace(/\{(\w+)\}/g, (whole, name) => (known[name] ? known[name]() : whole));
}
