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

-- How many entries of a list stand for no job any more. An earlier release counts those of both lists in 'stubs'.
local function stubs_field(list)
  return list == 'queue' and 'stubs' or 'stubs:high'
end

local function stubs(list)
  return tonumber(redis.call('HGET', key('stats'), stubs_field(list))) or 0
end

local function waiting()
  local entries = redis.call('LLEN', key('queue')) + redis.call('LLEN', key('queue:high'))
  return math.max(0, entries - stubs('queue') - stubs('queue:high'))
end

local function wake()
  if redis.call('LLEN', key('wake')) < 256 then
    redis.call('RPUSH', key('wake'), '1')
  end
end

local function announce(id)
  redis.call('PUBLISH', key('done'), id)
end

-- A line of the job's own story: ms, event, attempts, renewals of the lease, detail. Past its bound the oldest lines go,
-- but the first stays.
local function note(id, now, event, detail)
  local trace, attempts, renewals = get(id, 'trace', 'attempts', 'renewals')
  trace = trace or ''
  while #trace > 4000 do
    trace = trace:gsub('^([^\n]*\n)[^\n]*\n', '%1')
  end
  detail = (detail or ''):sub(1, 200):gsub('%c', ' ')
  local line = table.concat({now, event, attempts or 0, renewals or 0, detail}, ' ')
  redis.call('HSET', job_key(id), 'trace', trace .. line .. '\n')
end

-- ---- the order of waiting jobs
-- A list ('queue', 'queue:high') has a line for each owner, `<list>:of:<owner>`: id → place, first come, first served; and
-- `<list>:owners`: owner → turn. The owner with the least turn is served next, and then goes behind the others. The
-- list itself keeps count for KEDA, one entry a waiting job and one a stub; whose id an entry holds matters only to
-- executors of releases that know no lines. What they do is mended as it is met.

local looks = 1000 -- ids that one call looks at, so that none takes long
local expired = 0 -- jobs that it found to have waited too long

local function list_of(priority)
  return priority == '1' and 'queue:high' or 'queue'
end

local function line_key(list, owner)
  return key(list .. ':of:' .. owner)
end

-- The member with the nth least score, from 0, and its score.
local function nth_of(zset, nth)
  return unpack(redis.call('ZRANGEBYSCORE', zset, '-inf', '+inf', 'WITHSCORES', 'LIMIT', nth, 1))
end

-- Numbers places and turns.
local function next_number()
  return redis.call('HINCRBY', key('stats'), 'sequence', 1)
end

-- Into its owner's line, if it is not there; true if it was not. Without a place it goes to the end.
local function join(list, id, owner, place)
  if not place then
    place = next_number()
    redis.call('HSET', job_key(id), 'place', place)
  end
  redis.call('ZADD', key(list .. ':owners'), 'NX', place, owner)
  return redis.call('ZADD', line_key(list, owner), 'NX', place, id) == 1
end

local function leave(list, id, owner)
  redis.call('ZREM', line_key(list, owner), id)
  if redis.call('EXISTS', line_key(list, owner)) == 0 then
    redis.call('ZREM', key(list .. ':owners'), owner)
  end
end

-- Lets it wait: at the end of its owner's line; or, given back, at its old place, and its owner is next.
local function queue(id, now, given_back)
  local owner, priority, place, queue_ttl, ttl = get(id, 'owner', 'priority', 'place', 'queue_ttl', 'ttl')
  local list = list_of(priority)
  owner = owner or ''
  redis.call('HSET', job_key(id), 'state', 'queued', 'queued', now)
  -- A safety net: nothing stays for ever.
  redis.call('PEXPIRE', job_key(id), (tonumber(queue_ttl) or 0) + (tonumber(ttl) or 0) + DAY)
  join(list, id, owner, given_back and place)
  if given_back then
    redis.call('LPUSH', key(list), id)
    local first, turn = nth_of(key(list .. ':owners'), 0)
    if first ~= owner then
      redis.call('ZADD', key(list .. ':owners'), turn - 1, owner)
    end
  else
    redis.call('RPUSH', key(list), id)
    note(id, now, 'queued')
  end
  wake()
end

-- A callback's last word. Its job stays for as long as it would have without.
local function end_callback(id, outcome, now, status, error)
  local finished, ttl = get(id, 'finished', 'ttl')
  redis.call('ZREM', key('callbacks'), id)
  redis.call('HSET', job_key(id), 'callback_state', outcome, 'callback_status', status, 'callback_error', error,
    'callback_at', now)
  redis.call('PEXPIRE', job_key(id), math.max(1000, (tonumber(finished) or now) + (tonumber(ttl) or 0) - now))
end

-- The only way into a final state. With a callback due the job waits for it.
local function finish(id, state, now, reason)
  local job = job_key(id)
  local kept, callback = get(id, 'ttl', 'callback')
  local ttl = tonumber(kept) or 3600000
  redis.call('HSET', job, 'state', state, 'finished', now)
  if callback then
    redis.call('HSET', job, 'callback_state', 'pending', 'callback_attempts', 0)
    redis.call('ZADD', key('callbacks'), now, id)
    ttl = ttl + DAY
  end
  if reason ~= '' then
    redis.call('HSET', job, 'reason', reason)
  end
  redis.call('ZREM', key('lease'), id)
  redis.call('PEXPIRE', job, ttl)
  redis.call('PEXPIRE', job .. ':events', ttl)
  note(id, now, state, reason)
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
  queue(id, now, true)
  count('requeued')
  announce(id)
  return 'queued'
end

-- A waiting job's end without an attempt. Its entry in the list is a stub from now on: taking it out would cost a walk.
local function drop(id, state, now, reason)
  local owner, priority = get(id, 'owner', 'priority')
  leave(list_of(priority), id, owner or '')
  count(stubs_field(list_of(priority)))
  finish(id, state, now, reason)
end

-- The nth job, from 0, of an owner's line. What no longer waits is taken out on the way; an earlier release, which took
-- the job, took its entry too.
local function nth_waiting(list, owner, nth, now)
  while looks > 0 do
    local id = nth_of(line_key(list, owner), nth)
    if not id then
      return nil
    end
    looks = looks - 1
    local state, queued, queue_ttl = get(id, 'state', 'queued', 'queue_ttl')
    if state ~= 'queued' then
      leave(list, id, owner)
      if not state then
        count(stubs_field(list)) -- its hash has ended before it
      end
    elseif now <= (tonumber(queued) or 0) + (tonumber(queue_ttl) or 0) then
      return id
    else
      expired = expired + 1
      drop(id, 'expired', now, 'no executor claimed it in time')
    end
  end
end

-- Puts jobs into line that an earlier release put into the list; true if there was one. Entries without jobs go, if there
-- is no line at all.
local function adopt(list)
  local entries, adopted = redis.call('LRANGE', key(list), 0, 999), false
  for _, id in ipairs(entries) do
    local state, owner, place = get(id, 'state', 'owner', 'place')
    if state == 'queued' and join(list, id, owner or '', place) then
      adopted = true
    end
  end
  if #entries > 0 and redis.call('EXISTS', key(list .. ':owners')) == 0 then
    redis.call('LTRIM', key(list), #entries, -1)
    count(stubs_field(list), -math.min(#entries, stubs(list)))
  end
  return adopted
end

-- 'kept', 'lost' (another has the job, or nobody) or 'cancelled' (its client no longer wants it).
local function lease_state(id, token)
  local state, held, cancel = get(id, 'state', 'token', 'cancel')
  if state ~= 'running' or held ~= token then
    return 'lost'
  end
  return cancel and 'cancelled' or 'kept'
end
