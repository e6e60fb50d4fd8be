#!lua flags=allow-oom
-- id any_owner owner → 'cancelled', 'requested' (it runs: its executor is told), 'finished' or 'none'.
-- A queued job's id stays in its list as a stub: taking it out would cost a walk through the list.
local id, any_owner, owner = ARGV[1], ARGV[2] == '1', ARGV[3]
local state, job_owner = get(id, 'state', 'owner')
if not state or not (any_owner or owner == job_owner) then
  return 'none'
end
if state == 'queued' then
  count('stubs')
  finish(id, 'cancelled', now_ms(), 'cancelled before it ran')
  return 'cancelled'
end
if state == 'running' then
  redis.call('HSET', job_key(id), 'cancel', 1)
  redis.call('PUBLISH', key('control'), id)
  return 'requested'
end
return 'finished'
