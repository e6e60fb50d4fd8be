#!lua flags=allow-oom
-- executor token lease_ms v → id, owner, request, attempt, created; nil: nothing to claim; 'again': nothing among the
-- first ids, but they were cleared away.
local executor, token, lease_ms, version = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local now = now_ms()
local budget = 1000 -- ids looked at, so that no call takes long
local dropped = false

local function readable(id)
  local v = tonumber((get(id, 'v')))
  if v and v > version then
    return 'newer'
  end
  return v and v >= version - 1 and 'yes' or 'no'
end

-- The first job of a list that this reader can run. Newer ones keep their places.
local function pick(list)
  local newer, found = {}, nil
  while not found and budget > 0 do
    local id = redis.call('LPOP', list)
    if not id then
      break
    end
    budget = budget - 1
    local form = head_state(id, now) == 'queued' and readable(id)
    if form == 'yes' then
      found = id
    elseif form == 'newer' then
      newer[#newer + 1] = id
    else
      dropped = true
      if form == 'no' then
        finish(id, 'failed', now, 'stored in a form that no executor reads any more')
      end
    end
  end
  for i = #newer, 1, -1 do
    redis.call('LPUSH', list, newer[i])
  end
  return found
end

local id = pick(key('queue:high')) or pick(key('queue'))
if not id then
  if budget == 0 and dropped then
    return 'again'
  end
  if redis.call('EXISTS', key('queue'), key('queue:high')) == 0 then
    redis.call('DEL', key('wake'))
    redis.call('HDEL', key('stats'), 'stubs')
  end
  return nil
end

redis.call('HSET', job_key(id), 'state', 'running', 'token', token, 'executor', executor, 'started', now, 'done', 0)
redis.call('ZADD', key('lease'), now + lease_ms, id)
local attempt = redis.call('HINCRBY', job_key(id), 'attempts', 1)
announce(id)
local owner, request, created = get(id, 'owner', 'request', 'created')
return {id, owner, request, attempt, created}
