#!lua flags=no-writes
-- id attempt from → nil (no such job), or: owner, state, attempts, done, tests, created, started, finished, executor,
-- reason, and up to 100 of the attempt's events from the place `from` on; from the first when it is another attempt.
local id, attempt, from = ARGV[1], ARGV[2], tonumber(ARGV[3])
local job = redis.call('HMGET', job_key(id), 'owner', 'state', 'attempts', 'done', 'tests', 'created', 'started',
  'finished', 'executor', 'reason')
if not job[2] then
  return nil
end
if job[3] ~= attempt then
  from = 0
end
job[11] = redis.call('LRANGE', job_key(id) .. ':events', from, from + 99)
return job
