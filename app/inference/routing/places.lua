-- The places on all workers and the lines before them, counted once for all processes of Parley. Each operation is one
-- step that nothing can come between. Called by places.py; local_places.py does the same for one process alone.
--
-- KEYS[1] is the beginning of every key; ARGV[1] names the operation, the rest are its arguments. Times are
-- milliseconds of this server's clock, so that no two machines' clocks are compared.
--
--   places:WORKER   place -> when it comes free by itself, unless its process says again that it is held
--   broken          WORKER:failures, WORKER:until (left alone till then), WORKER:probe (the place that tries it again)
--   line:MODEL      ticket -> priority and arrival;  alive:MODEL   ticket -> when it is forgotten
--   seconds         MODEL -> how long an answer holds a place, in milliseconds;  arrivals   a counter
--   processes       process -> when it is forgotten

local KEEP = 3600000
local BAND = 1e10 -- arrivals within one priority
local LEARNING = 0.1 -- the weight of the newest answer in how long answers take

local root, call = KEYS[1], redis.call
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function exact(number)
  return string.format('%.0f', number)
end

local after_now = '(' .. exact(now)

local function rest(first)
  return { unpack(ARGV, first) }
end

local function key_of(kind, name)
  return root .. kind .. ':' .. name
end

local function held_by(worker)
  return call('ZCOUNT', root .. 'places:' .. worker, after_now, '+inf')
end

local function is_held(worker, place)
  local ends = call('ZSCORE', key_of('places', worker), place)
  return ends and tonumber(ends) > now
end

local function read_broken()
  local fields, broken = call('HGETALL', root .. 'broken'), {}
  for i = 1, #fields, 2 do
    broken[fields[i]] = fields[i + 1]
  end
  return broken
end

local function forget_dead(model)
  for _, ticket in ipairs(call('ZRANGEBYSCORE', key_of('alive', model), '-inf', exact(now))) do
    call('ZREM', key_of('line', model), ticket)
    call('ZREM', key_of('alive', model), ticket)
  end
end

local function leave_line(model, ticket)
  call('ZREM', key_of('line', model), ticket)
  call('ZREM', key_of('alive', model), ticket)
end

local function stand_in_line(model, ticket, priority, ticket_ms)
  local line, alive = key_of('line', model), key_of('alive', model)
  if not call('ZSCORE', line, ticket) then
    call('ZADD', line, exact(priority * BAND + call('INCR', root .. 'arrivals')), ticket)
  end
  call('ZADD', alive, exact(now + ticket_ms), ticket)
  call('PEXPIRE', line, KEEP)
  call('PEXPIRE', alive, KEEP)
end

local function ahead_of(model, ticket, priority)
  local rank = call('ZRANK', key_of('line', model), ticket)
  return rank or call('ZCOUNT', key_of('line', model), '-inf', '(' .. exact((priority + 1) * BAND))
end

local function hold(worker, place, place_ms)
  local places = key_of('places', worker)
  call('ZADD', places, exact(now + place_ms), place)
  call('PEXPIRE', places, KEEP)
end

local function tell_free(worker)
  call('PUBLISH', root .. 'free', worker)
end

local function load_of(worker, capacity, broken)
  local load = { worker = worker, capacity = capacity, outstanding = held_by(worker), closed = 0, failures = 0 }
  load.room = math.max(capacity - load.outstanding, 0)
  if not next(broken) then
    return load
  end
  load.failures = tonumber(broken[worker .. ':failures'] or '0')
  load.closed = math.max(tonumber(broken[worker .. ':until'] or '0') - now, 0)
  if load.closed > 0 then
    load.room = 0
  elseif load.failures > 0 then
    local probe = broken[worker .. ':probe']
    load.room = (probe and is_held(worker, probe)) and 0 or math.min(load.room, 1)
  end
  return load
end

-- As lanes.choose does; see there.
local function choose(loads, by_affinity)
  local own, least, outstanding, capacity = nil, nil, 0, 0
  for index, load in ipairs(loads) do
    if load.room > 0 then
      own = own or index
      outstanding = outstanding + load.outstanding
      capacity = capacity + load.capacity
      if not least or load.outstanding / load.capacity < loads[least].outstanding / loads[least].capacity then
        least = index
      end
    end
  end
  if own and by_affinity then
    local bound = math.ceil(1.25 * (outstanding + 1) * loads[own].capacity / capacity) + 4
    if loads[own].outstanding < bound then
      return own
    end
  end
  return least
end

local operations = {}

-- A place on one of the workers, or one in the line of the model. A newcomer with `longest` 0 does not wait.
-- -> index of the worker (0: none), place in line (0: not in it), ms until one is tried again (-1: some are open),
--    usual ms of an answer (-1: unknown), places of the open workers, failures and requests of the chosen one
function operations.take(model, ticket, priority, longest, by_affinity, patience_ms, ticket_ms, place_ms)
  priority, longest = tonumber(priority), tonumber(longest)
  forget_dead(model)
  local broken, loads, room, places, opens = read_broken(), {}, 0, 0, -1
  local candidates = rest(10)
  for i = 1, #candidates, 2 do
    local load = load_of(candidates[i], tonumber(candidates[i + 1]), broken)
    table.insert(loads, load)
    room = room + load.room
    if load.closed == 0 then
      places = places + load.capacity
    elseif opens < 0 or load.closed < opens then
      opens = load.closed
    end
  end
  local usual = tonumber(call('HGET', root .. 'seconds', model) or '-1')
  local ahead = ahead_of(model, ticket, priority)
  if room > ahead then
    local index = choose(loads, by_affinity == '1')
    local chosen = loads[index]
    call('ZREMRANGEBYSCORE', key_of('places', chosen.worker), '-inf', exact(now))
    hold(chosen.worker, ticket, tonumber(place_ms))
    if chosen.failures > 0 then
      call('HSET', root .. 'broken', chosen.worker .. ':probe', ticket)
    end
    leave_line(model, ticket)
    return { index, 0, -1, usual, places, chosen.failures, chosen.outstanding + 1 }
  end
  opens = places == 0 and opens or -1
  local is_waiting = call('ZSCORE', key_of('line', model), ticket)
  local may_join = call('ZCARD', key_of('line', model)) < longest and opens <= tonumber(patience_ms)
  if is_waiting or may_join then
    stand_in_line(model, ticket, priority, tonumber(ticket_ms))
    return { 0, call('ZRANK', key_of('line', model), ticket) + 1, opens, usual, places, 0, 0 }
  end
  return { 0, 0, opens, usual, places, 0, 0 }
end

-- Those who wait say that they still do: ticket, priority, ticket, priority ... -> their places in line
function operations.stand(model, ticket_ms)
  forget_dead(model)
  local waiting, places = rest(4), {}
  for i = 1, #waiting, 2 do
    stand_in_line(model, waiting[i], tonumber(waiting[i + 1]), tonumber(ticket_ms))
  end
  for i = 1, #waiting, 2 do
    table.insert(places, call('ZRANK', key_of('line', model), waiting[i]) + 1)
  end
  return places
end

-- Somebody waits no longer; what may have been given to them meanwhile is free again.
function operations.leave(model, ticket)
  leave_line(model, ticket)
  for _, worker in ipairs(rest(4)) do
    if call('ZREM', key_of('places', worker), ticket) == 1 then
      tell_free(worker)
    end
  end
end

-- A place is free again. `held_ms` is how long an answer held it, -1 for one that never began. The rest are the
-- models that this worker serves: where somebody waits for one of them, they are told.
function operations.release(worker, place, model, held_ms)
  held_ms = tonumber(held_ms)
  call('ZREM', key_of('places', worker), place)
  if call('HGET', root .. 'broken', worker .. ':probe') == place then
    call('HDEL', root .. 'broken', worker .. ':probe')
  end
  if held_ms >= 0 then
    local usual = tonumber(call('HGET', root .. 'seconds', model) or held_ms)
    call('HSET', root .. 'seconds', model, exact(usual + LEARNING * (held_ms - usual)))
    call('PEXPIRE', root .. 'seconds', KEEP)
  end
  for _, served in ipairs(rest(6)) do
    if call('ZCARD', key_of('line', served)) > 0 then
      return tell_free(worker)
    end
  end
end

-- A worker failed: it is left alone, twice as long with every failure in a row. One that is only busy keeps its good
-- name. What fails while it is left alone counts no more. -> failures, ms that it is left alone
function operations.fail(worker, pause_ms, longest_ms, is_failure)
  pause_ms, longest_ms = tonumber(pause_ms), tonumber(longest_ms)
  local broken = read_broken()
  local failures = tonumber(broken[worker .. ':failures'] or '0')
  local closed = math.max(tonumber(broken[worker .. ':until'] or '0') - now, 0)
  if is_failure == '1' and closed == 0 then
    failures = failures + 1
    closed = math.min(pause_ms * 2 ^ (failures - 1), longest_ms)
    call('HSET', root .. 'broken', worker .. ':failures', failures)
    call('HDEL', root .. 'broken', worker .. ':probe')
  elseif is_failure == '0' then
    closed = math.max(closed, pause_ms)
  end
  call('HSET', root .. 'broken', worker .. ':until', exact(now + closed))
  call('PEXPIRE', root .. 'broken', KEEP)
  return { failures, math.ceil(closed) }
end

-- A worker that had failed answers again.
function operations.heal(worker)
  call('HDEL', root .. 'broken', worker .. ':failures', worker .. ':until', worker .. ':probe')
  tell_free(worker)
end

-- A process says that it lives, and what it holds: worker, count, place, place ... for each of its workers.
-- -> processes alive, requests of each of these workers
function operations.renew(process, process_ms, place_ms)
  call('ZADD', root .. 'processes', exact(now + process_ms), process)
  call('ZREMRANGEBYSCORE', root .. 'processes', '-inf', exact(now))
  call('PEXPIRE', root .. 'processes', KEEP)
  local outstanding, i = {}, 5
  while ARGV[i] do
    local worker, count = ARGV[i], tonumber(ARGV[i + 1])
    for j = i + 2, i + 1 + count do
      hold(worker, ARGV[j], tonumber(place_ms))
    end
    table.insert(outstanding, held_by(worker))
    i = i + 2 + count
  end
  return { call('ZCARD', root .. 'processes'), outstanding }
end

-- A process ends.
function operations.quit(process)
  call('ZREM', root .. 'processes', process)
end

-- For people who look after the pool: how many workers, the workers, the models.
-- -> processes, requests, failures and ms left alone of each worker; waiting and usual ms of each model
function operations.state(count)
  local broken, workers, models = read_broken(), {}, {}
  for i = 3, 2 + tonumber(count) do
    local load = load_of(ARGV[i], 1, broken)
    table.insert(workers, { load.outstanding, load.failures, math.ceil(load.closed) })
  end
  for _, model in ipairs(rest(3 + tonumber(count))) do
    forget_dead(model)
    local usual = tonumber(call('HGET', root .. 'seconds', model) or '-1')
    table.insert(models, { call('ZCARD', key_of('line', model)), usual })
  end
  return { call('ZCOUNT', root .. 'processes', after_now, '+inf'), workers, models }
end

return operations[ARGV[1]](unpack(ARGV, 2, 9))
