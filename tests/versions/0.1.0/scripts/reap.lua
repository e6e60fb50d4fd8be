#!lua flags=allow-oom
-- lease_ms max_attempts → requeued, failed, cancelled, expired. Bounded work; the next pass goes on.
local lease_ms, max_attempts = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = now_ms()
local reaped = {queued = 0, failed = 0, cancelled = 0, expired = 0}

-- While Redis was away nobody could renew: executors get one lease to come back before theirs are judged.
local uptime = tonumber(redis.call('INFO', 'server'):match('uptime_in_seconds:(%d+)')) or 0
if uptime * 1000 >= lease_ms then
  local due = redis.call('ZRANGEBYSCORE', key('lease'), '-inf', now, 'LIMIT', 0, 100)
  for i = #due, 1, -1 do -- each goes to the head, so the one that ran out first is claimed first
    local id = due[i]
    if get(id, 'state') == 'running' then
      local outcome = give_back(id, now, max_attempts, 'the executor that ran it was lost')
      reaped[outcome] = reaped[outcome] + 1
    else
      redis.call('ZREM', key('lease'), id)
    end
  end
end

for _, list in ipairs({key('queue:high'), key('queue')}) do
  for _ = 1, 1000 do
    local id = redis.call('LINDEX', list, 0)
    local state = id and head_state(id, now)
    if not id or state == 'queued' then
      break
    end
    redis.call('LPOP', list)
    if state == 'expired' then
      reaped.expired = reaped.expired + 1
    end
  end
end

-- A token that died with its executor is replaced.
if redis.call('EXISTS', key('wake')) == 0 and waiting() > 0 then
  wake()
end
return {reaped.queued, reaped.failed, reaped.cancelled, reaped.expired}
