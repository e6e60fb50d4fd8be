#!lua flags=allow-oom
-- KEYS are buckets; for each a burst (requests) and an interval (µs that give one back); then need and cost. When each of
-- them has `need` requests left all of them pay `cost`, else none does; what is paid beyond what was there is a debt →
-- a row a bucket: allowed (1 or 0), remaining, µs until it is full, µs until `need` would be there.
-- A bucket is the time at which it will be full again: one string, which expires then by itself.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local need, cost = tonumber(ARGV[#ARGV - 1]), tonumber(ARGV[#ARGV])
local full_at = {}
local allowed = true

local function rule(i)
  return tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
end

local function row(i, wait)
  local burst, interval = rule(i)
  local missing = full_at[i] - now
  return {wait == 0 and 1 or 0, math.max(0, math.floor(burst - missing / interval)), missing, wait}
end

local rows = {}
for i = 1, #KEYS do
  local burst, interval = rule(i)
  full_at[i] = math.max(now, tonumber(redis.call('GET', KEYS[i])) or 0)
  rows[i] = row(i, math.max(0, full_at[i] - now - (burst - need) * interval))
  allowed = allowed and rows[i][1] == 1
end

for i = 1, allowed and #KEYS or 0 do
  local _, interval = rule(i)
  full_at[i] = full_at[i] + cost * interval
  redis.call('SET', KEYS[i], string.format('%.0f', full_at[i]), 'PX', math.ceil((full_at[i] - now) / 1000))
  rows[i] = row(i, 0)
end
return rows
