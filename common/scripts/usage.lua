#!lua flags=no-writes
-- KEYS are languages' bases; hours subject → a row a language: the subject's figures (record.lua) over the last hours.
local hours, subject = tonumber(ARGV[1]), ARGV[2]
local this_hour = math.floor(now_ms() / 3600000)
local rows = {}
for i = 1, #KEYS do
  base = KEYS[i]
  local row = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
  for hour = this_hour - hours + 1, this_hour do
    local figures, j = redis.call('HGET', key('hour:' .. hour), subject) or '', 0
    for number in figures:gmatch('%S+') do
      j = j + 1
      row[j] = j == 8 and math.max(row[j], tonumber(number)) or row[j] + tonumber(number)
    end
  end
  rows[i] = row
end
return rows
