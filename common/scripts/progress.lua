#!lua flags=allow-oom
-- id token done event… → 'kept', 'lost' or 'cancelled'. The list of events is this attempt's, bounded, and ends with its
-- job; what it has no room for is told by the result.
local id, token, done = ARGV[1], ARGV[2], ARGV[3]
local state = lease_state(id, token)
if state == 'lost' then
  return state
end
redis.call('HSET', job_key(id), 'done', done)
local events = job_key(id) .. ':events'
local room = 1000 - redis.call('LLEN', events)
local told = false
for i = 4, #ARGV do
  if ARGV[i] ~= '' and room > 0 then
    redis.call('RPUSH', events, ARGV[i])
    room = room - 1
    told = true
  end
end
if told then
  redis.call('PEXPIRE', events, math.max(1, redis.call('PTTL', job_key(id))))
  redis.call('PUBLISH', key('progress'), id)
end
return state
