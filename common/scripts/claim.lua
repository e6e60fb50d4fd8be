#!lua flags=allow-oom
-- executor token lease_ms v → id, owner, request, attempt, created; nil: nothing to claim; 'again': nothing among the
-- first ids, but they were cleared away.
local executor, token, lease_ms, version = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local now = now_ms()
local newer = 0 -- jobs that this reader cannot run yet

local function readable(id)
  local v = tonumber((get(id, 'v')))
  if v and v > version then
    return 'newer'
  end
  return v and v >= version - 1 and 'yes' or 'no'
end

-- The first job of an owner's line that this reader can run. Newer ones keep their places.
local function pick_of(list, owner)
  local nth = 0
  while true do
    local id = nth_waiting(list, owner, nth, now)
    local form = id and readable(id)
    if not id or form == 'yes' then
      return id
    elseif form == 'newer' then
      newer, nth = newer + 1, nth + 1
    else
      drop(id, 'failed', now, 'stored in a form that no executor reads any more')
    end
  end
end

-- The job whose turn it is, and its owner.
local function pick(list)
  local nth = 0
  while looks > 0 do
    local owner = nth_of(key(list .. ':owners'), nth)
    if not owner then
      return nil
    end
    local id = pick_of(list, owner)
    if id then
      return id, owner
    elseif redis.call('EXISTS', line_key(list, owner)) == 1 then
      nth = nth + 1
    end
  end
end

-- One entry less in the list: the first that is no stub, if need be that of a job whose turn is still to come.
local function take_entry(list, id)
  for i = 1, 1000 do
    local entry = redis.call('LPOP', key(list))
    if not entry or entry == id then
      return
    end
    local state, owner, place = get(entry, 'state', 'owner', 'place')
    if state == 'queued' then
      join(list, entry, owner or '', place)
      return
    elseif i == 1000 or stubs(list) == 0 then
      return
    end
    count(stubs_field(list), -1)
  end
end

local function take(list)
  local id, owner = pick(list)
  if not id and adopt(list) then
    id, owner = pick(list)
  end
  if not id then
    return nil
  end
  leave(list, id, owner)
  take_entry(list, id)
  redis.call('ZADD', key(list .. ':owners'), 'XX', next_number(), owner)
  return id
end

-- Whether there are entries that have not been looked at.
local function goes_on(list)
  return redis.call('EXISTS', key(list)) == 1 and redis.call('EXISTS', key(list .. ':owners')) == 0
end

local id = take('queue:high') or take('queue')
if not id then
  if redis.call('EXISTS', key('queue'), key('queue:high')) == 0 then
    redis.call('DEL', key('wake'))
    redis.call('HDEL', key('stats'), 'stubs', 'stubs:high')
  elseif newer < 1000 and looks == 0 or goes_on('queue:high') or goes_on('queue') then
    return 'again'
  end
  return nil
end

redis.call('HSET', job_key(id), 'state', 'running', 'token', token, 'executor', executor, 'started', now, 'done', 0,
  'renewals', 0)
redis.call('ZADD', key('lease'), now + lease_ms, id)
local attempt = redis.call('HINCRBY', job_key(id), 'attempts', 1)
redis.call('DEL', job_key(id) .. ':events')
note(id, now, 'claimed', executor)
announce(id)
local owner, request, created = get(id, 'owner', 'request', 'created')
return {id, owner, request, attempt, created}
