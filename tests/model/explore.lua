-- Explores every interleaving of two jobs, two executors and a reaper over the store's own scripts (common/scripts),
-- run against redis.lua. The scripts are the steps, as in Redis; between them anything may happen: a process dies, an
-- answer is not heard, a request arrives long after its sender gave it up, a lease runs out.
--
--   luajit explore.lua SCRIPTS [OPTION…]   checks; status 1 and the shortest way to a fault, if any
--     --jobs apart|line|owners             the jobs' lists and owners: two lists (else one); one owner; two owners
--     --earlier SCRIPTS                    executor 2 is of an earlier release, and whatever a master does may be; there
--                                          are no late requests and no drains, or there would be too many states
--     --mutate SCRIPT FROM TO              with a fault put into a script
--     --walk SEED                          one random way, as JSON lines for the real server
--
-- Checked in each state: `check` below. Checked of the whole: from each state the good end (all jobs final; no list,
-- lease, or message left) can still be reached, so nothing is ever stuck.
local here = arg[0]:match('^(.*/)') or ''
local redis = dofile(here .. 'redis.lua')

local BASE = 'sentinel:{m}'
local MOST_ATTEMPTS = 2
local MOST_ODD = 1 -- of late requests, drains and cancels together; all else may happen without end
local LEASE_MS = 1000000
local FINAL = {completed = true, failed = true, cancelled = true, expired = true}
-- Not told apart between states: they never decide anything, and some would make the graph endless.
local UNSEEN = {requeued = true, created = true, queued = true, started = true, finished = true, reason = true,
  trace = true, renewals = true,
  [BASE .. ':recent'] = true}

local options = {jobs = {'apart'}}
for at = 2, #arg do
  local option = arg[at]:match('^%-%-(%l+)$')
  if option then
    options[option] = {arg[at + 1], arg[at + 2], arg[at + 3]}
  end
end
local JOBS = ({
  apart = {{owner = 'owner', priority = 0}, {owner = 'owner', priority = 1}},
  line = {{owner = 'owner', priority = 0}, {owner = 'owner', priority = 0}},
  owners = {{owner = 'owner', priority = 0}, {owner = 'other', priority = 0}},
})[options.jobs[1]]
local MIXED = options.earlier ~= nil

-- ---- scripts ---------------------------------------------------------------------------------------------------

local function read(path)
  local file = assert(io.open(path))
  local text = file:read('*a')
  file:close()
  return text
end

local function replace_once(text, from, to)
  local first, last = text:find(from, 1, true)
  assert(first, 'the mutation finds nothing to change')
  return text:sub(1, first - 1) .. to .. text:sub(last + 1)
end

local function scripts_of(directory, mutation)
  local function text(name)
    local whole = read(directory .. '/' .. name .. '.lua')
    return mutation[1] == name and replace_once(whole, mutation[2], mutation[3]) or whole
  end
  return setmetatable({}, {__index = function(scripts, name)
    local flags, rest = text(name):match('^(#!lua [^\n]*\n)(.*)$')
    scripts[name] = redis.script(name, flags .. text('prelude') .. rest)
    return scripts[name]
  end})
end

local releases = {today = scripts_of(arg[1], options.mutate or {})}
if MIXED then
  releases.earlier = scripts_of(options.earlier[1], {})
end

-- Places and turns grow without end, and only their order decides: they are numbered anew, from 1.
local ORDERED = {'queue:owners', 'queue:high:owners', 'queue:of:owner', 'queue:of:other', 'queue:high:of:owner'}

local function renumber(db)
  local numbers, rank = {}, {}
  local function meet(number)
    if number and not rank[tonumber(number)] then
      rank[tonumber(number)] = 0
      numbers[#numbers + 1] = tonumber(number)
    end
  end
  for _, name in ipairs(ORDERED) do
    for _, number in pairs(db[BASE .. ':' .. name] or {}) do
      meet(number)
    end
  end
  for client = 1, 2 do
    local job = db[BASE .. ':job:m-' .. client]
    if job and FINAL[job.state] and job.place then -- it will never be looked at
      job = redis.clone(job)
      job.place, db[BASE .. ':job:m-' .. client] = nil, job
    end
    meet(job and job.place)
  end
  table.sort(numbers)
  for place, number in ipairs(numbers) do
    rank[number] = place
  end
  local function change(name, field)
    local hash = db[BASE .. ':' .. name]
    if hash and (not field or hash[field]) then
      local new = redis.clone(hash)
      for member, number in pairs(field and {[field] = hash[field]} or hash) do
        new[member] = field and tostring(rank[tonumber(number)]) or rank[number]
      end
      db[BASE .. ':' .. name] = new
    end
  end
  for _, name in ipairs(ORDERED) do
    change(name)
  end
  change('job:m-1', 'place')
  change('job:m-2', 'place')
  rank[tonumber((db[BASE .. ':stats'] or {}).sequence) or 0] = #numbers
  change('stats', 'sequence')
end

local on_call -- told of each script that runs: (name, arguments, reply)
local release = 'today' -- of whom the scripts are that are called

local function call(state, name, ...)
  local arguments = {...}
  local reply = releases[release][name](state.db, {BASE}, arguments)
  if state.db[BASE .. ':wake'] then
    state.db[BASE .. ':wake'] = {'1'} -- how many there are decides nothing; the list would grow for ever
  end
  if not options.walk then
    renumber(state.db)
  end
  if on_call then
    on_call(name, arguments, reply)
  end
  return reply
end

-- ---- states ----------------------------------------------------------------------------------------------------
-- {db, clients = {{phase, id}}, executors = {{id, token, cancel, how}}, mail = {request…}, odd}
-- A client is 'posting', then 'accepted'. A request in the mail was given up by its sender.

-- Scripts never change what a key holds, they replace it (redis.lua), so states share it.
local function copy(state)
  return {
    db = redis.clone(state.db),
    clients = {redis.clone(state.clients[1]), redis.clone(state.clients[2])},
    executors = {redis.clone(state.executors[1]), redis.clone(state.executors[2])},
    mail = redis.clone(state.mail),
    odd = state.odd,
  }
end

local order, known = {}, {} -- every key of a table by its number, in the order in which it was first met; and back

local function number_of(k)
  if not known[k] then
    order[#order + 1] = k
    known[k] = #order
  end
  return known[k]
end

-- The numbers of a table's keys, ascending.
local function numbers_of(value)
  local numbers, n = {}, 0
  for k in pairs(value) do
    if not UNSEEN[k] then
      n = n + 1
      numbers[n] = known[k] or number_of(k)
    end
  end
  table.sort(numbers)
  return numbers
end

local function write(value, out)
  if type(value) ~= 'table' then
    out[#out + 1] = tostring(value)
    return
  end
  out[#out + 1] = '{'
  for _, number in ipairs(numbers_of(value)) do
    out[#out + 1] = number
    write(value[order[number]], out)
  end
  out[#out + 1] = '}'
end

local function text_of(value)
  local out = {}
  write(value, out)
  return table.concat(out, ' ')
end

local texts = setmetatable({}, {__mode = 'k'})

local function db_text(db)
  local out = {}
  for i, number in ipairs(numbers_of(db)) do
    local value = db[order[number]]
    texts[value] = texts[value] or text_of(value)
    out[i] = number .. texts[value]
  end
  return table.concat(out)
end

-- Two states are one when they differ in no more than which executor is which, of one release, and which token is which:
-- executors are alike, and tokens are only ever compared with each other. So tokens are named in the order in which they
-- stand in the name.
local function name_of(state)
  local executors = {text_of(state.executors[1]), text_of(state.executors[2])}
  if not MIXED then
    table.sort(executors)
  end
  local name = table.concat({db_text(state.db), text_of(state.clients), text_of(state.mail), executors[1], executors[2],
    state.odd}, '|')
  local tokens, met = {}, 0
  return (name:gsub('token(%d)', function(token)
    if not tokens[token] then
      met = met + 1
      tokens[token] = 'token' .. met
    end
    return tokens[token]
  end))
end

local function job(state, id)
  return state.db[BASE .. ':job:' .. id]
end

local function jobs_of(state)
  local jobs = {}
  for client = 1, 2 do
    local id = 'm-' .. client
    jobs[id] = job(state, id)
  end
  return jobs
end

-- ---- what must hold --------------------------------------------------------------------------------------------

local function expect(condition, what, id)
  if not condition then
    error({fault = what .. (id and ': ' .. id or '')}, 0)
  end
end

local function list_of(id)
  return BASE .. (JOBS[tonumber(id:sub(-1))].priority == 1 and ':queue:high' or ':queue')
end

-- It stands in the line of its owner, who has a turn, and nowhere else.
local function is_in_line(state, id)
  local owner = JOBS[tonumber(id:sub(-1))].owner
  local line = state.db[list_of(id) .. ':of:' .. owner]
  return line and line[id] and state.db[list_of(id) .. ':owners'][owner] and true or false
end

local function is_listed(state, id)
  for _, each in ipairs(state.db[list_of(id)] or {}) do
    if each == id then
      return true
    end
  end
  return false
end

local function check(state, before)
  local finals = {completed = 0, failed = 0, cancelled = 0, expired = 0}
  local stats, leases = state.db[BASE .. ':stats'] or {}, state.db[BASE .. ':lease'] or {}
  local entries = {}
  for _, list in ipairs({'queue', 'queue:high'}) do
    entries[BASE .. ':' .. list] = #(state.db[BASE .. ':' .. list] or {}) - (stats['stubs' .. list:sub(6)] or 0)
  end
  for id, stored in pairs(jobs_of(state)) do
    local was, is = before and job(before, id), stored.state
    expect(tonumber(stored.attempts) <= MOST_ATTEMPTS and tonumber(stored.attempts) >= 0, 'attempts out of bounds', id)
    expect((leases[id] ~= nil) == (is == 'running'), 'the leases are not the running jobs', id)
    if MIXED then
      expect(is ~= 'queued' or is_in_line(state, id) or is_listed(state, id), 'no one can find a queued job', id)
    else
      expect(is_in_line(state, id) == (is == 'queued'), 'the lines are not the queued jobs', id)
    end
    if is == 'queued' then
      entries[list_of(id)] = entries[list_of(id)] - 1
    end
    expect((stored.result ~= nil) == (is == 'completed'), 'a result and its state disagree', id)
    expect(not (was and FINAL[was.state]) or (was.state == is and was.result == stored.result), 'a final job changed',
      id)
    if FINAL[is] then
      finals[is] = finals[is] + 1
    end
  end
  for name, count in pairs(finals) do
    expect(tonumber(stats[name] or 0) == count, 'jobs were counted twice, or not at all, as ' .. name)
  end
  for list, more in pairs(entries) do
    expect(MIXED or more == 0, 'the length of a list is not how many wait', list)
  end
  for _, client in ipairs(state.clients) do
    expect(client.phase ~= 'accepted' or job(state, client.id), 'an accepted job is lost', client.id)
  end
end

-- Whether there is a list, or a line.
local function any_queue(state)
  for key in pairs(state.db) do
    if key:find(BASE .. ':queue', 1, true) then
      return true
    end
  end
  return false
end

local function at_good_end(state)
  for _, client in ipairs(state.clients) do
    if client.phase == 'posting' then
      return false
    end
  end
  for _, stored in pairs(jobs_of(state)) do
    if not FINAL[stored.state] then
      return false
    end
  end
  if any_queue(state) or state.db[BASE .. ':lease'] or state.db[BASE .. ':wake'] then
    return false
  end
  return not (state.executors[1].id or state.executors[2].id or state.mail[1])
end

-- ---- steps -----------------------------------------------------------------------------------------------------

-- What an executor is told of a completion: 'kept' is a promise that the job ended with this very result.
local function complete(state, id, token, how)
  local result = how == 'completed' and token or ''
  local reply = call(state, 'complete', id, token, how, '', result, '')
  if reply == 'kept' then
    local stored = job(state, id)
    expect(stored.state == how and (stored.result or '') == result, 'a completion was kept, and is not the result', id)
  end
  return reply
end

local function fresh_token(state)
  local used = db_text(state.db) .. text_of(state.executors) .. text_of(state.mail)
  for n = 1, 9 do
    if not used:find('token' .. n, 1, true) then
      return 'token' .. n
    end
  end
end

local function enqueue(state, client)
  return call(state, 'enqueue', 'm-' .. client, JOBS[client].owner, '{}', 1, 1, JOBS[client].priority, 0, LEASE_MS,
    LEASE_MS, 'key' .. client, 'body')
end

local requests = {complete = complete}

function requests.claim(state, token)
  return call(state, 'claim', 'executor', token, LEASE_MS, 1)
end

function requests.requeue(state, id, token, counts)
  return call(state, 'requeue', id, token, counts, MOST_ATTEMPTS, 'the box broke')
end

-- The three fates of a request: answered; carried out, and its answer lost; given up, and carried out whenever. Without
-- `prepare` an answer that is lost makes no state that dying, or sending again, does not make.
local function send(emit, state, label, request, prepare, on_answer)
  for _, fate in ipairs({'answered', 'unheard', 'late'}) do
    if fate == 'answered' or (fate == 'late' and state.odd > 0 and not MIXED) or (fate == 'unheard' and prepare) then
      emit(label .. ', ' .. fate, function(next)
        if prepare then
          prepare(next)
        end
        if fate == 'late' then
          next.mail[1], next.mail[2], next.odd = request, release, next.odd - 1
        else
          local reply = requests[request[1]](next, unpack(request, 2))
          if fate == 'answered' then
            on_answer(next, reply)
          end
        end
      end)
    end
  end
end

-- The same change, by a process of an earlier release.
local function earlier(change)
  return function(next)
    release = 'earlier'
    local good, fault = pcall(change, next)
    release = 'today'
    if not good then
      error(fault, 0)
    end
  end
end

-- Steps of a master are each of either release, where there are two.
local function by_any_master(emit, label, change)
  emit(label, change)
  if MIXED then
    emit(label .. ', by an earlier master', earlier(change))
  end
end

local function client_steps(emit, state, number)
  local client = state.clients[number]
  if client.phase == 'posting' then
    by_any_master(emit, ('client %d posts'):format(number), function(next)
      next.clients[number] = {phase = 'accepted', id = enqueue(next, number)[2]}
    end)
  elseif client.phase == 'accepted' and number == 1 and state.odd > 0 then
    by_any_master(emit, 'client 1 cancels', function(next)
      next.odd = next.odd - 1
      call(next, 'cancel', client.id, 1, '')
    end)
  end
end

local function executor_steps(emit_step, state, number)
  local held = state.executors[number]
  local is_earlier = MIXED and number == 2
  local function emit(label, change)
    emit_step(label, is_earlier and earlier(change) or change)
  end
  local who = 'executor ' .. number
  local function let_go(next)
    next.executors[number] = {}
  end
  if not held.id then
    local token = fresh_token(state)
    send(emit, state, who .. ' claims', {'claim', token}, nil, function(next, reply)
      expect(reply ~= 'again', 'a claim over two jobs needs another')
      next.executors[number] = reply and {id = reply[1], token = token} or {}
    end)
    return
  end
  emit(who .. ' renews', function(next) -- one that is late, or not heard, only moves the lease's end
    local reply = call(next, 'renew', LEASE_MS, held.id, held.token)
    if held.how then
      return -- what it delivers stays as it is, until that is answered
    elseif reply[1] == 'lost' then
      let_go(next)
    elseif reply[1] == 'cancelled' then
      next.executors[number].cancel = true
    end
  end)
  local how = held.how or (held.cancel and 'cancelled' or 'completed')
  send(emit, state, who .. ' completes', {'complete', held.id, held.token, how}, function(next)
    next.executors[number].how = how
  end, let_go)
  if not held.how then
    send(emit, state, who .. ' gives back', {'requeue', held.id, held.token, 1}, nil, let_go)
    if state.odd > 0 and not MIXED then
      send(emit, state, who .. ' drains', {'requeue', held.id, held.token, 0}, function(next)
        next.odd = next.odd - 1
      end, let_go)
    end
  end
  emit(who .. ' dies', let_go)
end

local function steps(state, emit)
  client_steps(emit, state, 1)
  client_steps(emit, state, 2)
  executor_steps(emit, state, 1)
  executor_steps(emit, state, 2)
  if state.mail[1] then
    local late = state.mail[1]
    local function arrive(next)
      next.mail = {}
      requests[late[1]](next, unpack(late, 2))
    end
    emit('the late ' .. late[1] .. ' arrives', state.mail[2] == 'earlier' and earlier(arrive) or arrive)
    emit('the late ' .. late[1] .. ' is lost', function(next)
      next.mail = {}
    end)
  end
  -- A lease that is over, and not yet reaped, is worth what one is that goes on: so its end and the reaper are one step.
  for id in pairs(state.db[BASE .. ':lease'] or {}) do
    by_any_master(emit, 'the lease of ' .. id .. ' runs out, and the reaper passes', function(next)
      next.db[BASE .. ':lease'] = redis.clone(next.db[BASE .. ':lease'])
      next.db[BASE .. ':lease'][id] = 0
      if on_call then
        on_call('lease ends', {id}, false)
      end
      call(next, 'reap', 0, MOST_ATTEMPTS)
    end)
  end
  if any_queue(state) then
    by_any_master(emit, 'the reaper passes', function(next)
      call(next, 'reap', 0, MOST_ATTEMPTS)
    end)
  end
end

local function start()
  return {
    db = {},
    clients = {{phase = 'posting'}, {phase = 'posting'}},
    executors = {{}, {}},
    mail = {},
    odd = MOST_ODD,
  }
end

-- ---- the whole graph -------------------------------------------------------------------------------------------

local names, parents, labels, froms, tos, ends = {}, {}, {}, {}, {}, {}
local count = 0

local function way_to(index, last)
  local way = {last}
  while parents[index] do
    table.insert(way, 1, labels[index])
    index = parents[index]
  end
  return '  ' .. table.concat(way, '\n  ')
end

local function report(fault, index, last)
  print('FAULT ' .. fault .. ', by:')
  print(way_to(index, last))
  os.exit(1)
end

local function explore()
  local queue, head = {}, 1 -- states that are not looked at yet, at their index
  local function meet(state, parent, label)
    local name = name_of(state)
    local index = names[name]
    if not index then
      count = count + 1
      index = count
      names[name], parents[index], labels[index], queue[index] = index, parent, label, state
      if at_good_end(state) then
        ends[#ends + 1] = index
      end
    end
    return index
  end
  meet(start())
  while head <= count do
    local state = queue[head]
    queue[head] = nil
    steps(state, function(label, change)
      local next = copy(state)
      local good, fault = pcall(function()
        change(next)
        check(next, state)
      end)
      if not good then
        report(type(fault) == 'table' and fault.fault or tostring(fault), head, label)
      end
      froms[#froms + 1], tos[#tos + 1] = head, meet(next, head, label)
    end)
    head = head + 1
  end
end

-- Marks what can reach a good end, backwards over the edges, which are grouped by where they lead.
local function check_none_is_stuck()
  local first, following, good = {}, {}, {}
  for edge = 1, #tos do
    following[edge], first[tos[edge]] = first[tos[edge]], edge
  end
  local todo = {}
  for _, index in ipairs(ends) do
    good[index] = true
    todo[#todo + 1] = index
  end
  while #todo > 0 do
    local edge = first[table.remove(todo)]
    while edge do
      local from = froms[edge]
      if not good[from] then
        good[from] = true
        todo[#todo + 1] = from
      end
      edge = following[edge]
    end
  end
  for index = 1, count do
    if not good[index] then
      report('there is no way to the end any more', index)
    end
  end
end

-- ---- one way ---------------------------------------------------------------------------------------------------

local function json(value)
  if type(value) ~= 'table' then
    return type(value) == 'string' and ('%q'):format(value) or tostring(value)
  end
  local parts = {}
  for i, each in ipairs(value) do
    parts[i] = json(each)
  end
  return '[' .. table.concat(parts, ',') .. ']'
end

local function walk(seed)
  math.randomseed(seed)
  on_call = function(name, arguments, reply)
    print(json({name, arguments, reply or false}))
  end
  local state = start()
  for _ = 1, 60 do
    local choices = {}
    steps(state, function(_, change)
      choices[#choices + 1] = change
    end)
    choices[math.random(#choices)](state)
  end
end

if options.walk then
  walk(tonumber(options.walk[1]))
else
  explore()
  check_none_is_stuck()
  print(('%d states, %d steps, %d good ends: nothing found'):format(count, #tos, #ends))
end
