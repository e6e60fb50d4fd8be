#!lua flags=no-writes
-- any_owner owner → a row for each of the last jobs that are still kept, of the owner or of all, the newest first:
-- id, state, verdict, created, started, finished, attempts, done, tests, executor.
local any_owner, owner = ARGV[1] == '1', ARGV[2]
local all = any_owner or owner == ''
local rows = {}
for _, id in ipairs(redis.call('LRANGE', all and key('recent') or key('recent:' .. redis.sha1hex(owner)), 0, -1)) do
  local job = redis.call('HMGET', job_key(id), 'owner', 'state', 'verdict', 'created', 'started', 'finished', 'attempts',
    'done', 'tests', 'executor')
  if job[2] and (any_owner or job[1] == owner) then
    job[1] = id
    for i = 2, 10 do
      job[i] = job[i] or ''
    end
    rows[#rows + 1] = job
  end
end
return rows
