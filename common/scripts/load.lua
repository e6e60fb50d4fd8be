#!lua flags=no-writes
-- KEYS[1] is the registry, the others are languages' bases. alive_ms → now, one row a language (waiting, active,
-- completed, failed, cancelled, expired), one row an executor (id, info, seen, alive, lost), the last seen first.
local now = now_ms()
local alive_since = now - tonumber(ARGV[1])
local languages, executors = {}, {}

local seen = redis.call('ZREVRANGE', key('seen'), 0, -1, 'WITHSCORES')
for i = 1, #seen, 2 do
  local info = redis.call('HGET', base, seen[i])
  if info then
    local at = tonumber(seen[i + 1])
    local alive = at >= alive_since
    local lost = at < now - 3 * tonumber(ARGV[1]) and at > now - 600000 and not redis.call('HGET', key('left'), seen[i])
    executors[#executors + 1] = {seen[i], info, at, alive and 1 or 0, lost and 1 or 0}
  end
end

for i = 2, #KEYS do
  base = KEYS[i]
  local row = {waiting(), redis.call('ZCARD', key('lease'))}
  local stats = redis.call('HMGET', key('stats'), 'completed', 'failed', 'cancelled', 'expired')
  for j = 1, 4 do
    row[2 + j] = tonumber(stats[j]) or 0
  end
  languages[#languages + 1] = row
end
return {now, languages, executors}
