"""The Lua scripts that remember the answers to an item; queue.py describes the keys."""

from workers.desk_queue.agent_scripts import AGENT

# item, name of the answer, digest of its text, milliseconds to remember it, most answers of an
# item; returns "digest outcome" as it was remembered, or nothing for an answer that is new
BEGIN_REPLY = (
    AGENT
    + """
local key = P .. 'sent:' .. ARGV[1]
local stored = redis.call('HGET', key, ARGV[2])
if stored then return {'ok', stored} end
if redis.call('HLEN', key) >= tonumber(ARGV[5]) then return {'full'} end
redis.call('HSET', key, ARGV[2], ARGV[3] .. ' ')
redis.call('PEXPIRE', key, ARGV[4])
return {'ok', ''}
"""
)

# item, name of the answer, digest of its text, milliseconds to remember it, its outcome
FINISH_REPLY = (
    AGENT
    + """
local key = P .. 'sent:' .. ARGV[1]
redis.call('HSET', key, ARGV[2], ARGV[3] .. ' ' .. ARGV[5])
redis.call('PEXPIRE', key, ARGV[4])
return {'ok'}
"""
)

REPLY_SCRIPTS = {
    "BEGIN_REPLY": BEGIN_REPLY,
    "FINISH_REPLY": FINISH_REPLY,
}
"""The scripts by the names under which leased_items.py runs them."""
