"""The Lua scripts of the feed; queue.py describes the keys.

Redis runs each as one step, so the applied records and the feed's position change together. Every
script may run twice.
"""

from workers.desk_queue.agent_scripts import HEAD

_POSITION = """
local name, start, upto = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local position = 0
if name ~= '' then
  position = tonumber(redis.call('HGET', P .. 'at', name) or 0)
  if start > position then return {'behind', tostring(position)} end
end
local function advance()
  if name ~= '' and upto > position then redis.call('HSET', P .. 'at', name, ARGV[3]) end
end
"""

# partition, start and end of the offsets that were read, milliseconds that a body stays (0 until it
# is closed), number of conversations at the head of a line whose bodies stay (-1 for all), then for
# each message: department, conversation, message, hops, arrival in ms, score, 1 if it opens
# nothing, partition, offset, body
ADD = (
    HEAD
    + _POSITION
    + """
local keep_ms, places = tonumber(ARGV[4]), tonumber(ARGV[5])
local function add(d, c, m, hops, arrived, score, quiet, partition, offset, body)
  local close = redis.call('GET', P .. 'done:' .. m)
  if close and tonumber(string.match(close, '^%S+')) >= tonumber(hops) then return 0 end
  local key = P .. 'c:' .. d .. ':' .. c
  local stored = redis.call('HGET', key, 'm' .. m)
  if stored and tonumber(string.match(stored, '^%S+')) >= tonumber(hops) then return 0 end
  if stored then redis.call('DEL', P .. 'body:' .. m .. ':' .. string.match(stored, '^%S+')) end
  local rank = redis.call('HGET', key, 's')
  if quiet == '1' and not rank then return 0 end
  redis.call('HSET', key, 'm' .. m,
    hops .. ' ' .. arrived .. ' ' .. partition .. ' ' .. offset .. ' 0')
  if not rank then
    redis.call('HSET', key, 's', score)
    redis.call('ZADD', P .. 'ready:' .. d, score, c)
  elseif tonumber(score) < tonumber(rank) then
    redis.call('HSET', key, 's', score)
    redis.call('ZADD', P .. 'ready:' .. d, 'XX', score, c)
  end
  if body == '' then return 1 end
  if places >= 0 and (redis.call('ZRANK', P .. 'ready:' .. d, c) or 0) >= places then return 1 end
  local name = P .. 'body:' .. m .. ':' .. hops
  if keep_ms > 0 then redis.call('SET', name, body, 'PX', keep_ms)
  else redis.call('SET', name, body) end
  return 1
end
local count = 0
for n = 6, #ARGV, 10 do
  if name == '' or tonumber(ARGV[n + 8]) >= position then
    count = count + add(ARGV[n], ARGV[n + 1], ARGV[n + 2], ARGV[n + 3], ARGV[n + 4], ARGV[n + 5],
      ARGV[n + 6], ARGV[n + 7], ARGV[n + 8], ARGV[n + 9])
  end
end
advance()
return {'ok', tostring(count)}
"""
)

# partition, start and end of the offsets that were read, milliseconds to remember a close that came
# before its message and one that came after it, then for each outcome: id, department,
# conversation, offset, number of messages, and for each message: id, hops
CLOSE = (
    "#!lua flags=allow-oom\n"
    + HEAD
    + _POSITION
    + """
local gone, late = 0, 0
local function remove(o, d, c, m, hops)
  local key = P .. 'c:' .. d .. ':' .. c
  local stored = redis.call('HGET', key, 'm' .. m)
  local open = stored and tonumber(string.match(stored, '^%S+')) <= tonumber(hops)
  if open then
    redis.call('HDEL', key, 'm' .. m)
    redis.call('DEL', P .. 'body:' .. m .. ':' .. string.match(stored, '^%S+'))
  end
  -- This outcome moved a message that is here with more hops; its arrival was read first.
  local closed = stored and '1' or '0'
  local close = redis.call('GET', P .. 'done:' .. m)
  local last, first = string.match(close or '', '^(%S+) (%S+)')
  if last and tonumber(last) >= tonumber(hops) then
    if last == hops and first ~= o then late = late + 1 end
  else
    redis.call('SET', P .. 'done:' .. m, hops .. ' ' .. o .. ' ' .. closed,
      'PX', stored and ARGV[5] or ARGV[4])
  end
  local counts = redis.call('GET', P .. 'done:' .. m) == hops .. ' ' .. o .. ' 1'
  return open and 1 or 0, counts
end
local function note(intent)
  local fields = redis.call('HMGET', intent, 'lease', 'verb', 'answer')
  if not fields[3] or fields[3] == '' then return end
  redis.call('SET', P .. 'closed:' .. fields[1], fields[3] .. ' ' .. fields[2], 'PX', ARGV[5])
end
local function settle(o, d, c, removed, counts)
  local key = d .. ':' .. c
  local intent = P .. 'x:' .. key
  local closing = redis.call('EXISTS', intent) == 1
  -- An earlier version writes a mark without an answer.
  local fixed = 2 + redis.call('HEXISTS', intent, 'answer')
  if redis.call('HDEL', intent, 'o' .. o) == 1 and fixed == 3 then
    if not counts then redis.call('HSET', intent, 'answer', '') end
    if redis.call('HLEN', intent) == fixed then note(intent) end
  end
  local rest = redis.call('HLEN', P .. 'c:' .. key)
  for _, field in ipairs(redis.call('HMGET', P .. 'c:' .. key, 'i', 's', 'l', 'a')) do
    if field then rest = rest - 1 end
  end
  if rest <= 0 then forget(d, c)
  elseif closing and redis.call('HLEN', intent) <= fixed then back(d, c)
  elseif removed > 0 and not closing then back(d, c) end
end
local n = 6
while n <= #ARGV do
  local o, d, c, offset = ARGV[n], ARGV[n + 1], ARGV[n + 2], tonumber(ARGV[n + 3])
  local last = n + 4 + 2 * tonumber(ARGV[n + 4])
  if name == '' or offset >= position then
    local removed, counts = 0, true
    for i = n + 5, last, 2 do
      local open, first = remove(o, d, c, ARGV[i], ARGV[i + 1])
      removed, counts = removed + open, counts and first
    end
    settle(o, d, c, removed, counts)
    gone = gone + removed
  end
  n = last + 1
end
advance()
return {'ok', tostring(gone), tostring(late)}
"""
)

# department; puts the conversations of expired leases back in line, and returns their number
EXPIRE = (
    "#!lua flags=allow-oom\n"
    + HEAD
    + """
local refused = refusal()
if refused then return refused end
local late = redis.call('ZRANGEBYSCORE', P .. 'leased:' .. ARGV[1], '-inf', '(' .. now,
  'LIMIT', 0, 100)
for _, c in ipairs(late) do expire(ARGV[1], c) end
return {'ok', tostring(#late)}
"""
)

# department, time in ms, count; returns the conversations that were marked before that time
LIST_CLOSINGS = (
    "#!lua flags=no-writes\n"
    + HEAD
    + """
local answer = {'ok'}
local old = redis.call('ZRANGEBYSCORE', P .. 'closing:' .. ARGV[1], '-inf', '(' .. ARGV[2],
  'LIMIT', 0, tonumber(ARGV[3]))
for _, c in ipairs(old) do
  local flat = redis.call('HGETALL', P .. 'x:' .. ARGV[1] .. ':' .. c)
  local lease, verb, outcomes = '', '', {}
  for n = 1, #flat, 2 do
    if flat[n] == 'lease' then lease = flat[n + 1]
    elseif flat[n] == 'verb' then verb = flat[n + 1]
    elseif string.byte(flat[n]) == 111 then -- o
      outcomes[#outcomes + 1] = string.sub(flat[n], 2)
    end
  end
  answer[#answer + 1] = c
  answer[#answer + 1] = lease
  answer[#answer + 1] = verb
  answer[#answer + 1] = outcomes
end
return answer
"""
)

# department, conversation, lease, milliseconds of doubt; ends a closing whose outcomes never came
CANCEL_CLOSING = (
    "#!lua flags=allow-oom\n"
    + HEAD
    + """
local d, c = ARGV[1], ARGV[2]
if redis.call('HGET', P .. 'x:' .. d .. ':' .. c, 'lease') ~= ARGV[3] then return {'ok', '0'} end
back(d, c)
redis.call('SET', P .. 'doubt', '', 'PX', ARGV[4])
return {'ok', '1'}
"""
)

# milliseconds of doubt, epoch, lock's token, then partition and position in turn; KEYS[2] the lock
BEGIN = (
    "#!lua flags=allow-oom\n"
    + HEAD
    + """
if redis.call('GET', KEYS[2]) ~= ARGV[3] then return {'ok', '0'} end
redis.call('SET', P .. 'epoch', ARGV[2])
redis.call('SET', P .. 'doubt', '', 'PX', ARGV[1])
redis.call('DEL', P .. 'verified')
for n = 4, #ARGV, 2 do redis.call('HSET', P .. 'at', ARGV[n], ARGV[n + 1]) end
return {'ok', '1'}
"""
)

# returns the present history, and the one that the feed verified
HISTORY = (
    "#!lua flags=no-writes\n"
    + HEAD
    + """
return {'ok', history(), redis.call('GET', P .. 'verified') or ''}
"""
)

# milliseconds of doubt, the history that the feed verified
VERIFY = (
    "#!lua flags=allow-oom\n"
    + HEAD
    + """
if redis.call('EXISTS', P .. 'epoch') == 0 or history() ~= ARGV[2] then return {'ok', '0'} end
if redis.call('GET', P .. 'verified') ~= ARGV[2] then
  redis.call('SET', P .. 'doubt', '', 'PX', ARGV[1])
  redis.call('SET', P .. 'verified', ARGV[2])
end
return {'ok', '1'}
"""
)

FEED_SCRIPTS = {
    "ADD": ADD,
    "CLOSE": CLOSE,
    "EXPIRE": EXPIRE,
    "LIST_CLOSINGS": LIST_CLOSINGS,
    "CANCEL_CLOSING": CANCEL_CLOSING,
    "BEGIN": BEGIN,
    "HISTORY": HISTORY,
    "VERIFY": VERIFY,
}
"""The scripts by the names under which queue.py runs them."""
