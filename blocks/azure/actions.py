"""Which rights does each check and each change need, and which must nobody have?

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

RESTART_LOOKS: dict[str, tuple[str, ...]] = {
    "azure.app_service": (
        "Microsoft.Insights/eventtypes/values/Read",
        "Microsoft.Web/sites/Read",
        "Microsoft.Web/sites/instances/Read",
        "Microsoft.Web/sites/instances/processes/Read",
    ),
    "azure.virtual_machine": (
        "Microsoft.Compute/virtualMachines/instanceView/read",
        "Microsoft.Insights/eventtypes/values/Read",
    ),
}
"""Kind of service -> what a reader needs to see whether its restart took effect."""

RESTART_ACTIONS: dict[str, str] = {
    "azure.app_service": "Microsoft.Web/sites/restart/Action",
    "azure.virtual_machine": "Microsoft.Compute/virtualMachines/restart/action",
}
"""Kind of service -> the one action that an operator needs to restart it."""

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

WRITES_THAT_AN_OPERATOR_MUST_NOT_HAVE = tuple(
    action for action in WRITES_THAT_A_READER_MUST_NOT_HAVE if action not in RESTART_ACTIONS.values()
)
