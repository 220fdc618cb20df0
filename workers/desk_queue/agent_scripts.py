"""The Lua scripts of the agents; queue.py describes the keys.

Redis runs each as one step. It refuses a script as a whole on a replica, without enough replicas or
with a broken disk. A full Redis runs these scripts too, because they take hardly any memory and
closed items free some.
"""

HEAD = """
local P = KEYS[1]
local MOST = 200
local KEEP_MS = 3600000 -- an expired lease is noticed much sooner than in an hour
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function history()
  local process = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  local data = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
  return string.sub(process or '', 1, 16) .. string.sub(data or '', 1, 16)
end
local function refusal()
  if redis.call('EXISTS', P .. 'epoch') == 0 then return {'rebuild'} end
  if redis.call('GET', P .. 'verified') ~= history() then return {'checking'} end
end
local function waiting(key)
  local flat, fields, messages = redis.call('HGETALL', P .. 'c:' .. key), {}, {}
  for n = 1, #flat, 2 do
    local name, value = flat[n], flat[n + 1]
    if string.byte(name) == 109 then -- m
      local from = string.find(value, ' ', 1, true) + 1
      local rank = tonumber(string.sub(value, from, string.find(value, ' ', from, true) - 1))
      messages[#messages + 1] = {name = name, rank = rank, value = value}
    else fields[name] = value end
  end
  if #messages > 1 then
    table.sort(messages, function(x, y)
      if x.rank ~= y.rank then return x.rank < y.rank end
      return x.name < y.name
    end)
  end
  for n = 1, math.min(#messages, MOST) do
    local message = messages[n]
    message.id = string.sub(message.name, 2)
    message.hops, message.arrived, message.partition, message.offset, message.shown =
      string.match(message.value, '^(%S+) (%S+) (%S+) (%S+) (%S+)$')
  end
  return messages, fields
end
local function show(key, message, fence)
  message.shown = fence
  redis.call('HSET', P .. 'c:' .. key, 'm' .. message.id, message.hops .. ' ' .. message.arrived ..
    ' ' .. message.partition .. ' ' .. message.offset .. ' ' .. fence)
end
local function fence_of(lease) return string.match(lease, '^[^.]+%.([^.]+)') or '0' end
local function contents(messages)
  local list, bodies = {}, {}
  for n, message in ipairs(messages) do
    bodies[n] = P .. 'body:' .. message.id .. ':' .. message.hops
  end
  if #bodies > 0 then bodies = redis.call('MGET', unpack(bodies)) end
  for n, message in ipairs(messages) do
    list[#list + 1] = message.id
    list[#list + 1] = message.hops
    list[#list + 1] = message.partition
    list[#list + 1] = message.offset
    list[#list + 1] = bodies[n]
  end
  return list
end
local function drop_place(d, c)
  local item, lease = unpack(redis.call('HMGET', P .. 'c:' .. d .. ':' .. c, 'i', 'l'))
  if lease then redis.call('DEL', P .. 'lease:' .. lease) end
  -- An item of which a part was moved is in two departments.
  if item and redis.call('GET', P .. 'item:' .. item) == d .. ' ' .. c then
    redis.call('DEL', P .. 'item:' .. item)
  end
end
local function forget(d, c)
  local key = d .. ':' .. c
  drop_place(d, c)
  redis.call('DEL', P .. 'c:' .. key, P .. 'x:' .. key)
  redis.call('ZREM', P .. 'ready:' .. d, c)
  redis.call('ZREM', P .. 'leased:' .. d, c)
  redis.call('ZREM', P .. 'closing:' .. d, c)
end
local function back(d, c)
  local key = d .. ':' .. c
  drop_place(d, c)
  redis.call('DEL', P .. 'x:' .. key)
  redis.call('ZREM', P .. 'leased:' .. d, c)
  redis.call('ZREM', P .. 'closing:' .. d, c)
  redis.call('HDEL', P .. 'c:' .. key, 'l', 'a')
  local score = redis.call('HGET', P .. 'c:' .. key, 's')
  if score then redis.call('ZADD', P .. 'ready:' .. d, score, c) end
end
local function expire(d, c)
  local key = d .. ':' .. c
  local item, lease, agent = unpack(redis.call('HMGET', P .. 'c:' .. key, 'i', 'l', 'a'))
  local ends = redis.call('ZSCORE', P .. 'leased:' .. d, c)
  -- Redis may have lost the closing of a lease that an earlier history gave.
  if item and lease and redis.call('GET', P .. 'claimed:' .. lease) == history()
    and redis.call('HLEN', P .. 'expired') < 10000 then
    local entry = {d, c, item, agent or '', ends}
    for _, message in ipairs(waiting(key)) do
      if message.shown == fence_of(lease) then
        for _, field in ipairs({'id', 'hops', 'partition', 'offset'}) do
          entry[#entry + 1] = message[field]
        end
      end
    end
    redis.call('HSET', P .. 'expired', lease, cjson.encode(entry))
  end
  back(d, c)
end
local function short(item) return string.sub(redis.sha1hex(item), 1, 8) end
local function repeated(lease, verb)
  local outcome, closed = string.match(redis.call('GET', P .. 'closed:' .. lease) or '',
    '^(%S+) (.+)$')
  if closed == verb then return {'closed', outcome} end
end
local function leased(item, lease)
  local fits = string.match(lease, '%.(%x+)$') == short(item)
  local place = fits and redis.call('GET', P .. 'lease:' .. lease)
    or redis.call('GET', P .. 'item:' .. item)
  if not place then return nil, {fits and 'lost' or 'unknown'} end
  local d, c = string.match(place, '^(%S+) (%S+)$')
  local key = d .. ':' .. c
  if redis.call('HGET', P .. 'c:' .. key, 'l') ~= lease then return nil, {'lost'} end
  local verb = redis.call('HGET', P .. 'x:' .. key, 'verb')
  if verb then return d, c, verb end
  local ends = redis.call('ZSCORE', P .. 'leased:' .. d, c)
  if not ends or tonumber(ends) < now then return nil, {'lost'} end
  return d, c
end
"""

AGENT = "#!lua flags=allow-oom\n" + HEAD

# department, agent, lease in ms, count, random word
CLAIM = (
    AGENT
    + """
local refused = refusal()
if refused then return refused end
local d, agent, lease_ms, count, word = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local epoch, present = redis.call('GET', P .. 'epoch'), history()
local late = redis.call('ZRANGEBYSCORE', P .. 'leased:' .. d, '-inf', '(' .. now, 'LIMIT', 0, 100)
for _, c in ipairs(late) do expire(d, c) end
local answer = {'ok', tostring(#late)}
for _, c in ipairs(redis.call('ZRANGE', P .. 'ready:' .. d, 0, tonumber(count) - 1)) do
  local key = d .. ':' .. c
  redis.call('ZREM', P .. 'ready:' .. d, c)
  local messages, fields = waiting(key)
  if #messages == 0 then forget(d, c) else
    local fence = tostring(redis.call('INCR', P .. 'fence'))
    local item, listed = messages[1].id, {}
    if fields.i and redis.call('HEXISTS', P .. 'c:' .. key, 'm' .. fields.i) == 1 then
      item = fields.i
    end
    for n = 1, math.min(#messages, MOST) do
      listed[n] = messages[n]
      show(key, listed[n], fence)
    end
    local lease = epoch .. '.' .. fence .. '.' .. word .. '.' .. short(item)
    redis.call('HSET', P .. 'c:' .. key, 'i', item, 'l', lease, 'a', agent)
    redis.call('SET', P .. 'lease:' .. lease, d .. ' ' .. c)
    redis.call('SET', P .. 'claimed:' .. lease, present, 'PX', lease_ms + KEEP_MS)
    redis.call('SET', P .. 'item:' .. item, d .. ' ' .. c)
    redis.call('ZADD', P .. 'leased:' .. d, now + lease_ms, c)
    answer[#answer + 1] = item
    answer[#answer + 1] = lease
    answer[#answer + 1] = tostring(now + lease_ms)
    answer[#answer + 1] = contents(listed)
  end
end
return answer
"""
)

# item, lease, lease in ms, 1 to show the messages that came since, verb of a closing that may be
# repeated, prefix of the names of the partitions whose positions a closing needs
EXTEND_LEASE = (
    AGENT
    + """
if redis.call('EXISTS', P .. 'epoch') == 0 then return {'rebuild'} end
local d, c, closing = leased(ARGV[1], ARGV[2])
if not d then return repeated(ARGV[2], ARGV[5]) or c end
local showing = ARGV[4] == '1'
if closing and closing ~= ARGV[5] and not showing then return {'closing', closing} end
local key = d .. ':' .. c
local ends = now + tonumber(ARGV[3])
if not closing then redis.call('ZADD', P .. 'leased:' .. d, ends, c) end
redis.call('PEXPIRE', P .. 'claimed:' .. ARGV[2], tonumber(ARGV[3]) + KEEP_MS)
local messages, fields = waiting(key)
local fence, listed = fence_of(ARGV[2]), {}
for n, message in ipairs(messages) do
  if n > MOST then break end
  if showing and not closing and message.shown ~= fence then show(key, message, fence) end
  if message.shown == fence then listed[#listed + 1] = message end
end
if #listed == 0 then
  -- Other outcomes took all that the agent was shown; the rest waits for nobody in particular.
  if not closing then back(d, c) end
  return {'lost'}
end
local reached = {}
if ARGV[5] ~= '' then
  local flat = redis.call('HGETALL', P .. 'at')
  for n = 1, #flat, 2 do
    if string.sub(flat[n], 1, #ARGV[6]) == ARGV[6] then
      reached[#reached + 1] = flat[n]
      reached[#reached + 1] = flat[n + 1]
    end
  end
end
return {'ok', d, c, fields.a or '', tostring(ends), contents(listed), reached}
"""
)

# item, agent; returns the lease if the agent holds the item
FIND_LEASE = (
    "#!lua flags=no-writes\n"
    + HEAD
    + """
if redis.call('EXISTS', P .. 'epoch') == 0 then return {'rebuild'} end
local place = redis.call('GET', P .. 'item:' .. ARGV[1])
if not place then return {'unknown'} end
local d, c = string.match(place, '^(%S+) (%S+)$')
local lease, agent = unpack(redis.call('HMGET', P .. 'c:' .. d .. ':' .. c, 'l', 'a'))
if not lease or agent ~= ARGV[2] or not leased(ARGV[1], lease) then return {'lost'} end
return {'ok', d, lease}
"""
)

# department, agent, most items; returns the item, the end of the lease and the messages of each
LIST_LEASED = (
    "#!lua flags=no-writes\n"
    + HEAD
    + """
local d, answer = ARGV[1], {'ok'}
local ends = redis.call('ZRANGEBYSCORE', P .. 'leased:' .. d, now, '+inf', 'WITHSCORES')
for n = 1, #ends, 2 do
  local key = d .. ':' .. ends[n]
  local fields = redis.call('HMGET', P .. 'c:' .. key, 'i', 'a')
  if fields[1] and fields[2] == ARGV[2] and #answer < 3 * tonumber(ARGV[3]) then
    answer[#answer + 1] = fields[1]
    answer[#answer + 1] = ends[n + 1]
    answer[#answer + 1] = contents((waiting(key)))
  end
end
return answer
"""
)

# item, lease; puts the item back in line
RELEASE = (
    AGENT
    + """
if redis.call('EXISTS', P .. 'epoch') == 0 then return {'rebuild'} end
local d, c, closing = leased(ARGV[1], ARGV[2])
if not d then return c end
if closing then return {'closing', closing} end
back(d, c)
return {'ok'}
"""
)

# item, lease, verb, then the ids of the outcomes that will come
MARK_CLOSING = (
    AGENT
    + """
local refused = refusal()
if refused then return refused end
local d, c, closing = leased(ARGV[1], ARGV[2])
if not d then return repeated(ARGV[2], ARGV[3]) or c end
if closing and closing ~= ARGV[3] then return {'closing', closing} end
local key = d .. ':' .. c
redis.call('ZREM', P .. 'leased:' .. d, c)
if not closing then redis.call('ZADD', P .. 'closing:' .. d, now, c) end
redis.call('HSET', P .. 'x:' .. key, 'lease', ARGV[2], 'verb', ARGV[3])
redis.call('HSETNX', P .. 'x:' .. key, 'answer', ARGV[#ARGV])
for n = 4, #ARGV do redis.call('HSET', P .. 'x:' .. key, 'o' .. ARGV[n], '') end
return {'ok', history()}
"""
)

# department, conversation, lease, partition of the outcomes, offset of the last, history at the
# mark, then message, hops and outcome in turn. Only the order of outcomes.v1 says which outcome
# counts: the answer is `early` until the feed has read them, and `alone` if no other agent can have
# got the item.
CONFIRM = (
    "#!lua flags=no-writes\n"
    + HEAD
    + """
local d, c, lease, offset = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[5])
local position = redis.call('HGET', P .. 'at', ARGV[4])
if not position or tonumber(position) <= offset then
  local same = redis.call('HGET', P .. 'x:' .. d .. ':' .. c, 'lease') == lease
  if same and ARGV[6] == history() and redis.call('EXISTS', P .. 'doubt') == 0
    and redis.call('GET', P .. 'verified') == ARGV[6] then return {'ok', 'alone'} end
  return {'ok', 'early'}
end
local answer = 'counted'
for n = 7, #ARGV, 3 do
  local close = redis.call('GET', P .. 'done:' .. ARGV[n])
  local hops, outcome, closed = string.match(close or '', '^(%S+) (%S+) (%S+)$')
  if hops == ARGV[n + 1] and outcome ~= ARGV[n + 2] then return {'ok', 'superseded'} end
  if hops ~= ARGV[n + 1] or closed ~= '1' then answer = 'unknown' end
end
return {'ok', answer}
"""
)

AGENT_SCRIPTS = {
    "CLAIM": CLAIM,
    "EXTEND_LEASE": EXTEND_LEASE,
    "FIND_LEASE": FIND_LEASE,
    "LIST_LEASED": LIST_LEASED,
    "RELEASE": RELEASE,
    "MARK_CLOSING": MARK_CLOSING,
    "CONFIRM": CONFIRM,
}
"""The scripts by the names under which queue.py runs them."""
