"""Which rights does each check need, and which must a reader never have?

The one list that the documentation, `vigie blocks check` and the tests are held against.
"""

from __future__ import annotations

CHECK_ACTIONS: dict[str, tuple[str, ...]] = {
    "resource_health": ("Microsoft.ResourceHealth/availabilityStatuses/read",),
    "resource_state": (
        "Microsoft.Compute/virtualMachines/instanceView/read",
        "Microsoft.Devices/iotHubs/Read",
        "Microsoft.Storage/storageAccounts/read",
        "Microsoft.Web/sites/Read",
    ),
    "metric": ("Microsoft.Insights/metricDefinitions/read", "Microsoft.Insights/metrics/read"),
    "iot_connected": ("Microsoft.Devices/iotHubs/iotHubStats/Read", "Microsoft.Insights/metrics/read"),
    "iot_message_rate": ("Microsoft.Insights/metrics/read",),
    "quota": ("Microsoft.Devices/iotHubs/quotaMetrics/Read",),
}
"""Check kind -> the actions it needs, in the words of Azure's role definitions."""

EXAMINE_ACTIONS = ("Microsoft.Authorization/permissions/read", "Microsoft.Resources/subscriptions/resourceGroups/read")
"""What `vigie blocks check` itself needs."""

WRITES_THAT_A_READER_MUST_NOT_HAVE = (
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Compute/virtualMachines/write",
    "Microsoft.Compute/virtualMachines/restart/action",
    "Microsoft.Devices/iotHubs/Write",
    "Microsoft.Devices/iotHubs/listkeys/Action",
    "Microsoft.Storage/storageAccounts/write",
    "Microsoft.Storage/storageAccounts/listKeys/action",
    "Microsoft.Web/sites/Write",
    "Microsoft.Web/sites/restart/Action",
)
