#!lua flags=allow-oom
-- id owner request v tests priority cap queue_ttl ttl idempotency_key body_hash callback → outcome, id, created, retry after (s).
-- allow-oom, because the memory bound is the script's own and a repeated key is answered whatever the memory.
local id, owner, request, v, tests, priority, cap, queue_ttl, ttl, idempotency_key, body_hash, callback = unpack(ARGV)
local now = now_ms()

local function over_memory()
  local info = redis.call('INFO', 'memory')
  local used = tonumber(info:match('used_memory:(%d+)')) or 0
  local most = tonumber(info:match('\nmaxmemory:(%d+)')) or 0
  return most > 0 and used > 0.75 * most
end

-- Seconds in which the last minutes' rate serves a tenth of what waits.
local function retry_after()
  local served = 0
  local minute = math.floor(now / 60000)
  for ago = 0, 2 do
    served = served + (tonumber(redis.call('GET', key('stats:minute:' .. minute - ago))) or 0)
  end
  if served == 0 then
    return 30
  end
  local seconds = 120 + (now % 60000) / 1000
  return math.max(1, math.min(60, math.ceil(waiting() / 10 * seconds / served)))
end

-- For /status: the last jobs of all, and of each owner.
local function remember(list)
  redis.call('LPUSH', list, id)
  redis.call('LTRIM', list, 0, 99)
  redis.call('PEXPIRE', list, queue_ttl + ttl + DAY)
end

-- The same id again is a caller who did not hear our answer.
local created = redis.call('HGET', job_key(id), 'created')
if created then
  return {'enqueued', id, created, 0}
end

local idem = idempotency_key ~= '' and key('idem:' .. redis.sha1hex(#owner .. ':' .. owner .. idempotency_key))
local earlier = idem and redis.call('GET', idem)
if earlier then
  local earlier_id, earlier_hash = earlier:match('^(%S+) (.*)$')
  created = earlier_id and redis.call('HGET', job_key(earlier_id), 'created')
  if created then
    return {earlier_hash == body_hash and 'repeated' or 'conflict', earlier_id, created, 0}
  end
end

if over_memory() then
  return {'memory', id, now, retry_after()}
end
if tonumber(cap) > 0 and waiting() >= tonumber(cap) then
  return {'full', id, now, retry_after()}
end

redis.call('HSET', job_key(id), 'v', v, 'owner', owner, 'request', request, 'tests', tests, 'priority', priority,
  'queue_ttl', queue_ttl, 'ttl', ttl, 'created', now, 'attempts', 0, 'done', 0)
queue(id, now)
if callback and callback ~= '' then
  redis.call('HSET', job_key(id), 'callback', callback)
end
if idem then
  redis.call('SET', idem, id .. ' ' .. body_hash, 'PX', ttl)
end
remember(key('recent'))
if owner ~= '' then
  remember(key('recent:' .. redis.sha1hex(owner)))
end
count('enqueued')
return {'enqueued', id, now, 0}
