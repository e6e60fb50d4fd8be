#!lua flags=allow-oom
-- id any_owner owner → 'cancelled', 'requested' (it runs: its executor is told), 'finished' or 'none'.
local id, any_owner, owner = ARGV[1], ARGV[2] == '1', ARGV[3]
local state, job_owner, cancel = get(id, 'state', 'owner', 'cancel')
if not state or not (any_owner or owner == job_owner) then
  return 'none'
end
if state == 'queued' then
  drop(id, 'cancelled', now_ms(), 'cancelled before it ran')
  return 'cancelled'
end
if state == 'running' then
  if not cancel then
    redis.call('HSET', job_key(id), 'cancel', 1)
    note(id, now_ms(), 'cancelling')
  end
  redis.call('PUBLISH', key('control'), id)
  return 'requested'
end
return 'finished'
