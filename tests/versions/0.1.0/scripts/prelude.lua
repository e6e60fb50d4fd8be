-- Stands before every script's own text (embed.py). KEYS[1] is the language's base, "<prefix>:{<language>}", from which
-- every key is named; times are Redis' own, in ms since the epoch. Redis Cluster is not supported (PROTOCOL.md).
local base = KEYS[1]
local DAY = 86400000

local function key(name)
  return base .. ':' .. name
end

local function job_key(id)
  return base .. ':job:' .. id
end

local function get(id, ...)
  return unpack(redis.call('HMGET', job_key(id), ...))
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function count(what, by)
  redis.call('HINCRBY', key('stats'), what, by or 1)
end

-- Cancelled jobs stay in their list until they reach its head; this many do.
local function stubs()
  return tonumber(redis.call('HGET', key('stats'), 'stubs')) or 0
end

local function waiting()
  return math.max(0, redis.call('LLEN', key('queue')) + redis.call('LLEN', key('queue:high')) - stubs())
end

local function wake()
  if redis.call('LLEN', key('wake')) < 256 then
    redis.call('RPUSH', key('wake'), '1')
  end
end

local function announce(id)
  redis.call('PUBLISH', key('done'), id)
end

-- Into its list with `push`: RPUSH is the end, LPUSH the head. The expiry is a safety net: nothing stays for ever.
local function queue(id, now, push)
  local priority, queue_ttl, ttl = get(id, 'priority', 'queue_ttl', 'ttl')
  redis.call('HSET', job_key(id), 'state', 'queued', 'queued', now)
  redis.call('PEXPIRE', job_key(id), (tonumber(queue_ttl) or 0) + (tonumber(ttl) or 0) + DAY)
  redis.call(push, key(priority == '1' and 'queue:high' or 'queue'), id)
  wake()
end

-- The only way into a final state.
local function finish(id, state, now, reason)
  local job = job_key(id)
  local ttl = tonumber(redis.call('HGET', job, 'ttl')) or 3600000
  redis.call('HSET', job, 'state', state, 'finished', now)
  if reason ~= '' then
    redis.call('HSET', job, 'reason', reason)
  end
  redis.call('ZREM', key('lease'), id)
  redis.call('PEXPIRE', job, ttl)
  redis.call('PEXPIRE', job .. ':events', ttl)
  count(state)
  announce(id)
end

-- A running job whose attempt brought no result: cancelled, given up on, or back at the head of its list. Without its
-- token the attempt can no longer complete it.
local function give_back(id, now, max_attempts, why)
  local cancel, attempts = get(id, 'cancel', 'attempts')
  redis.call('HDEL', job_key(id), 'token')
  redis.call('ZREM', key('lease'), id)
  if cancel then
    finish(id, 'cancelled', now, 'cancelled while it ran')
    return 'cancelled'
  end
  attempts = tonumber(attempts) or max_attempts
  if attempts >= max_attempts then
    redis.call('RPUSH', key('dead'), id)
    redis.call('LTRIM', key('dead'), -1000, -1)
    finish(id, 'failed', now, 'given up after ' .. attempts .. ' attempts: ' .. why)
    return 'failed'
  end
  queue(id, now, 'LPUSH')
  count('requeued')
  announce(id)
  return 'queued'
end

-- What an id at a list's head is worth: 'gone' (cancelled, or its hash has expired), 'expired' (it is marked so here) or
-- 'queued'. Whoever gets one of the first two takes it off the list.
local function head_state(id, now)
  local state, queued, queue_ttl = get(id, 'state', 'queued', 'queue_ttl')
  if state ~= 'queued' then
    if stubs() > 0 then
      count('stubs', -1)
    end
    return 'gone'
  end
  if now > (tonumber(queued) or 0) + (tonumber(queue_ttl) or 0) then
    finish(id, 'expired', now, 'no executor claimed it in time')
    return 'expired'
  end
  return 'queued'
end

-- 'kept', 'lost' (another has the job, or nobody) or 'cancelled' (its client no longer wants it).
local function lease_state(id, token)
  local state, held, cancel = get(id, 'state', 'token', 'cancel')
  if state ~= 'running' or held ~= token then
    return 'lost'
  end
  return cancel and 'cancelled' or 'kept'
end
