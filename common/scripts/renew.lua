#!lua flags=allow-oom
-- lease_ms (id token)… → for each 'kept', 'lost' or 'cancelled'. A cancelled one's lease goes on until it is completed.
local until_ms = now_ms() + tonumber(ARGV[1])
local states = {}
for i = 2, #ARGV, 2 do
  local state = lease_state(ARGV[i], ARGV[i + 1])
  if state ~= 'lost' then
    redis.call('ZADD', key('lease'), until_ms, ARGV[i])
    redis.call('HINCRBY', job_key(ARGV[i]), 'renewals', 1)
  end
  states[#states + 1] = state
end
return states
