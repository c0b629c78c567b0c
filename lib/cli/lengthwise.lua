-- Dissector for Wireshark: frames of Lengthwise.
--
-- Files that `tap --write` has made open at once:
--   wireshark -X lua_script:lengthwise.lua x.pcapng
-- For a capture of TCP, choose "Decode As… Lengthwise", or name the port:
--   tshark -X lua_script:lengthwise.lua -d tcp.port==7000,lengthwise -r x.pcap

local lengthwise = Proto("lengthwise", "Lengthwise")

local KINDS = {
  [0x01] = "HELLO", [0x02] = "GOAWAY", [0x03] = "PING", [0x04] = "PONG",
  [0x05] = "WINDOW", [0x06] = "AUTH", [0x07] = "ACK", [0x10] = "REQUEST",
  [0x11] = "ITEM", [0x12] = "END", [0x13] = "RESULT", [0x14] = "ERROR",
  [0x15] = "CANCEL", [0x16] = "CREDIT", [0x17] = "NOTIFY",
}

local CALL_CODES = {
  [0] = "declared", "cancelled", "deadline", "unimplemented", "invalid",
  "internal", "overloaded", "unavailable", "unauthenticated", "forbidden",
  "too-large", "malformed", "disconnected", "moving", "conflict",
  "outcome-lost", "gap",
}

local SESSION_CODES = {
  [0] = "closed", "protocol", "version", "codec", "unauthenticated",
  "timeout", "too-many", "flow-control", "too-large", "unsent", "internal",
  "drain", "age", "refused-busy", "resume-lost",
}

local PROCESSED = { [0] = "no", "maybe", "yes" }

local fields = {
  length = ProtoField.uint32("lengthwise.length", "Length"),
  kind = ProtoField.uint8("lengthwise.kind", "Kind", base.HEX, KINDS),
  flags = ProtoField.uint8("lengthwise.flags", "Flags", base.HEX),
  more = ProtoField.bool("lengthwise.flags.more", "More frames follow", 8, nil, 0x01),
  reply = ProtoField.bool("lengthwise.flags.reply", "Reply", 8, nil, 0x02),
  no_value = ProtoField.bool("lengthwise.flags.no_value", "No value", 8, nil, 0x04),
  id = ProtoField.uint64("lengthwise.id", "Id"),
  body = ProtoField.bytes("lengthwise.body", "Body"),
  method = ProtoField.uint16("lengthwise.method", "Method number"),
  block = ProtoField.bytes("lengthwise.fields", "Fields"),
  value = ProtoField.bytes("lengthwise.value", "Value"),
  code = ProtoField.uint8("lengthwise.code", "Code", base.DEC, CALL_CODES),
  end_code = ProtoField.uint8("lengthwise.goaway.code", "Code", base.DEC, SESSION_CODES),
  processed = ProtoField.uint8("lengthwise.processed", "Processed", base.DEC, PROCESSED),
  total = ProtoField.uint64("lengthwise.total", "Total credit"),
  last_id = ProtoField.uint64("lengthwise.last_id", "Last id"),
  magic = ProtoField.string("lengthwise.hello.magic", "Magic"),
  role = ProtoField.uint8("lengthwise.hello.role", "Role", base.DEC,
    { [0] = "client", "server" }),
  protocol = ProtoField.string("lengthwise.hello.protocol", "Protocol"),
  codecs = ProtoField.string("lengthwise.hello.codecs", "Codecs"),
  agent = ProtoField.string("lengthwise.hello.agent", "Agent"),
  listed = ProtoField.string("lengthwise.hello.method", "Method"),
}

lengthwise.fields = {}
for _, field in pairs(fields) do table.insert(lengthwise.fields, field) end

-- Adds the u16 length, the fields and the value of a message.
local function add_message(body, tree)
  if body:len() < 2 then return end
  local length = body(0, 2):uint()
  if 2 + length > body:len() then return end
  if length > 0 then tree:add(fields.block, body(2, length)) end
  local rest = body:len() - 2 - length
  if rest > 0 then tree:add(fields.value, body(2 + length, rest)) end
end

local function add_methods(value, tree)
  local at, number = 0, 0
  while at + 6 <= value:len() do
    local length = value(at + 5, 1):uint()
    if at + 6 + length > value:len() then return end
    if length > 0 then
      local name = value(at + 6, length)
      tree:add(fields.listed, name):prepend_text(number .. ": ")
    end
    at, number = at + 6 + length, number + 1
  end
end

local function add_hello(body, tree)
  if body:len() < 52 then return end
  tree:add(fields.magic, body(0, 4))
  tree:add(fields.role, body(6, 1))
  local at = 52
  while at + 3 <= body:len() do
    local kind, length = body(at, 1):uint(), body(at + 1, 2):uint()
    if at + 3 + length > body:len() then return end
    if length > 0 then
      local value = body(at + 3, length)
      if kind == 1 then tree:add(fields.protocol, value)
      elseif kind == 2 then tree:add(fields.codecs, value)
      elseif kind == 3 then add_methods(value, tree)
      elseif kind == 6 then tree:add(fields.agent, value) end
    end
    at = at + 3 + length
  end
end

local function add_body(kind, body, tree)
  if kind == 0x01 then
    add_hello(body, tree)
  elseif kind == 0x02 and body:len() >= 7 then
    tree:add(fields.end_code, body(0, 1))
    tree:add(fields.last_id, body(1, 6))
  elseif (kind == 0x05 or kind == 0x16) and body:len() == 8 then
    tree:add(fields.total, body)
  elseif (kind == 0x10 or kind == 0x17) and body:len() >= 2 then
    tree:add(fields.method, body(0, 2))
    if body:len() > 2 then add_message(body(2), tree) end
  elseif kind == 0x11 or kind == 0x13 then
    add_message(body, tree)
  elseif kind == 0x14 and body:len() >= 4 then
    tree:add(fields.code, body(0, 1))
    tree:add(fields.processed, body(1, 1))
    if body:len() > 4 then add_message(body(4), tree) end
  end
end

-- Dissects one frame, which begins with its length.
local function dissect_frame(buffer, pinfo, root)
  if buffer:len() < 12 then return buffer:len() end
  local kind = buffer(4, 1):uint()
  local name = KINDS[kind] or string.format("0x%02x", kind)
  local id = buffer(6, 6):uint64()
  local tree = root:add(lengthwise, buffer(), "Lengthwise, " .. name)
  tree:add(fields.length, buffer(0, 4))
  tree:add(fields.kind, buffer(4, 1))
  local flags = tree:add(fields.flags, buffer(5, 1))
  flags:add(fields.more, buffer(5, 1))
  flags:add(fields.reply, buffer(5, 1))
  flags:add(fields.no_value, buffer(5, 1))
  tree:add(fields.id, buffer(6, 6))
  pinfo.cols.protocol = "Lengthwise"
  local text = name
  if kind >= 0x10 and kind ~= 0x17 then text = text .. " id " .. tostring(id) end
  if pinfo.cols.info and tostring(pinfo.cols.info):find(" id ") then
    pinfo.cols.info:append(", " .. text)
  else
    pinfo.cols.info = text
  end
  -- A part of a message cannot be read alone, nor can a truncated body.
  local whole = bit.band(buffer(5, 1):uint(), 1) == 0
    and buffer:len() == buffer(0, 4):uint() + 4
  if buffer:len() > 12 then
    local body = tree:add(fields.body, buffer(12))
    if whole then add_body(kind, buffer(12), body) end
  end
  return buffer:len()
end

local function frame_length(buffer, _, offset)
  return buffer(offset, 4):uint() + 4
end

function lengthwise.dissector(buffer, pinfo, root)
  if pinfo.port_type == 2 then -- TCP: frames may begin and end anywhere
    dissect_tcp_pdus(buffer, root, 4, frame_length, dissect_frame)
    return buffer:len()
  end
  return dissect_frame(buffer, pinfo, root)
end

DissectorTable.get("wtap_encap"):add(wtap.USER0, lengthwise)
DissectorTable.get("tcp.port"):add_for_decode_as(lengthwise)
