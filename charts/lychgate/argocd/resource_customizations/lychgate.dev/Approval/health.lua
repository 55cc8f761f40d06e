-- The health of an Approval. What people decide is no trouble, whatever it is; what they have not decided yet waits.
local phase = "Pending"
if obj.status ~= nil and obj.status.phase ~= nil then
  phase = obj.status.phase
end
if phase == "Pending" then
  return { status = "Suspended", message = "Waits for people, until " .. obj.spec.required.deadline }
end
return { status = "Healthy", message = phase }
