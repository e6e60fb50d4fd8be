#!lua flags=allow-oom
-- id token counts max_attempts reason → 'queued', 'failed' (its attempts are used up), 'cancelled' or 'lost'.
local id, token, counts, max_attempts = ARGV[1], ARGV[2], ARGV[3] == '1', tonumber(ARGV[4])
local reason = ARGV[5] ~= '' and ARGV[5] or 'the executor could not run it'
if lease_state(id, token) == 'lost' then
  return 'lost'
end
if not counts then
  redis.call('HINCRBY', job_key(id), 'attempts', -1)
end
return give_back(id, now_ms(), max_attempts, reason)
