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
      local why = 'the executor that ran it was lost'
      note(id, now, 'reaped', why)
      local outcome = give_back(id, now, max_attempts, why)
      reaped[outcome] = reaped[outcome] + 1
    else
      redis.call('ZREM', key('lease'), id)
    end
  end
end

for _, list in ipairs({'queue:high', 'queue'}) do
  local owners, heads = key(list .. ':owners'), {}
  local many = redis.call('ZCARD', owners)
  if many == 0 then
    adopt(list)
  end
  local from = many > 1000 and math.floor(now / 1000) * 1000 % many or 0 -- a thousand each second
  for _, owner in ipairs(redis.call('ZRANGEBYSCORE', owners, '-inf', '+inf', 'LIMIT', from, 1000)) do
    heads[#heads + 1] = nth_waiting(list, owner, 0, now)
  end
  for _ = 1, 1000 do
    local entry = redis.call('LINDEX', key(list), 0)
    local state, owner, place = unpack(entry and {get(entry, 'state', 'owner', 'place')} or {})
    if state == 'queued' then
      join(list, entry, owner or '', place) -- only an earlier release put it there without
    end
    if not entry or state == 'queued' or stubs(list) == 0 then
      break
    end
    redis.call('LPOP', key(list))
    count(stubs_field(list), -1)
  end
  -- Executors of an earlier release know the list alone, and may have used up its entries.
  if redis.call('EXISTS', key(list)) == 0 and #heads > 0 then
    redis.call('RPUSH', key(list), unpack(heads))
  end
end
reaped.expired = expired

-- A token that died with its executor is replaced.
if redis.call('EXISTS', key('wake')) == 0 and waiting() > 0 then
  wake()
end
return {reaped.queued, reaped.failed, reaped.cancelled, reaped.expired}
