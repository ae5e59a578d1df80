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

_LOG = "Microsoft.Insights/eventtypes/values/Read"

COMPUTE_LOOKS: dict[str, tuple[str, ...]] = {
    "azure.app_service": (
        _LOG,
        "Microsoft.Web/serverfarms/Read",
        "Microsoft.Web/sites/Read",
        "Microsoft.Web/sites/instances/Read",
        "Microsoft.Web/sites/instances/processes/Read",
    ),
    "azure.virtual_machine": (
        "Microsoft.Compute/virtualMachines/instanceView/read",
        "Microsoft.Compute/virtualMachines/read",
        "Microsoft.Compute/virtualMachines/vmSizes/read",
        _LOG,
    ),
}
"""Kind of service -> what a reader needs to see whether it was started, stopped or resized."""

COMPUTE_ACTIONS: dict[str, dict[str, str]] = {
    "azure.app_service": {
        "start": "Microsoft.Web/sites/start/Action",
        "stop": "Microsoft.Web/sites/stop/Action",
        "resize": "Microsoft.Web/serverfarms/Write",
    },
    "azure.virtual_machine": {
        "start": "Microsoft.Compute/virtualMachines/start/action",
        "stop": "Microsoft.Compute/virtualMachines/deallocate/action",
        "resize": "Microsoft.Compute/virtualMachines/write",
    },
}
"""Kind of service -> what is done to it in a move -> the one action that an operator needs for that."""

CAPACITY_LOOKS = ("Microsoft.Compute/locations/usages/read",)
"""What a reader needs to see the quota that is left; Azure checks it on the subscription."""

TRAFFIC_LOOKS = ("Microsoft.Network/trafficManagerProfiles/read", _LOG)
"""What a reader needs to see where clients are sent."""

TRAFFIC_ACTION = "Microsoft.Network/trafficManagerProfiles/write"
"""What an operator needs to send clients elsewhere."""

CREDENTIAL_LOOKS = ("Microsoft.Authorization/roleAssignments/read", _LOG)
"""What a reader needs to see whether a credential of the plan is held."""

CREDENTIAL_ACTIONS = (
    "Microsoft.Authorization/roleAssignments/delete",
    "Microsoft.Authorization/roleAssignments/write",
)
"""What an operator needs to take a credential away and give it back, at its own scope and under a condition only."""

MOVE_LOOKS: tuple[str, ...] = tuple(
    sorted(
        {
            action
            for looks in (*COMPUTE_LOOKS.values(), CAPACITY_LOOKS, TRAFFIC_LOOKS, CREDENTIAL_LOOKS)
            for action in looks
        }
    )
)
MOVE_ACTIONS: tuple[str, ...] = tuple(
    sorted({TRAFFIC_ACTION, *(action for acts in COMPUTE_ACTIONS.values() for action in acts.values())})
)
"""What moves from site to site need, beside restarts."""

EXAMINE_ACTIONS = ("Microsoft.Authorization/permissions/read", "Microsoft.Resources/subscriptions/resourceGroups/read")
"""What `vigie blocks check` itself needs."""

WRITES_THAT_A_READER_MUST_NOT_HAVE = (
    "Microsoft.Authorization/roleAssignments/delete",
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Compute/virtualMachines/deallocate/action",
    "Microsoft.Compute/virtualMachines/delete",
    "Microsoft.Compute/virtualMachines/restart/action",
    "Microsoft.Compute/virtualMachines/start/action",
    "Microsoft.Compute/virtualMachines/write",
    "Microsoft.Devices/iotHubs/Write",
    "Microsoft.Devices/iotHubs/listkeys/Action",
    "Microsoft.Network/trafficManagerProfiles/delete",
    "Microsoft.Network/trafficManagerProfiles/write",
    "Microsoft.Storage/storageAccounts/write",
    "Microsoft.Storage/storageAccounts/listKeys/action",
    "Microsoft.Web/serverfarms/Write",
    "Microsoft.Web/sites/Write",
    "Microsoft.Web/sites/restart/Action",
    "Microsoft.Web/sites/start/Action",
    "Microsoft.Web/sites/stop/Action",
)

WRITES_THAT_AN_OPERATOR_MUST_NOT_HAVE = tuple(
    action for action in WRITES_THAT_A_READER_MUST_NOT_HAVE if action not in (*RESTART_ACTIONS.values(), *MOVE_ACTIONS)
)
