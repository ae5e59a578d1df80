"""Which credential and configuration blocks can be filled in, and where are they?

Few, documented for who fills them in, and testable: `vigie blocks check` opens each saved one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefect.blocks.core import Block


def block_classes() -> list[type[Block]]:
    """Every block type vigie registers with Prefect, prefect-aws's own among them."""
    from prefect_aws import AwsCredentials

    from blocks.approvals.block import ApprovalRulesBlock, ApproverKey
    from blocks.azure.block import AzureOperator, AzureReader
    from blocks.catalogue.block import PlatformBlock
    from blocks.dns.block import TsigKey
    from blocks.journal.block import JournalDatabase
    from blocks.network.block import ProbeNetwork
    from blocks.network.credentials import AddressCredentials
    from blocks.openstack.block import OpenStackOperator, OpenStackReader
    from blocks.pager.block import PagerDuty, WebhookPager
    from blocks.postgres.block import DatabaseHost, PostgresOperator, PostgresReader
    from blocks.slack.app import SlackApp
    from blocks.slack.block import SlackWorkspace
    from blocks.watch.block import OutsideWatch

    return [
        AddressCredentials,
        ApprovalRulesBlock,
        ApproverKey,
        AwsCredentials,
        AzureOperator,
        AzureReader,
        DatabaseHost,
        JournalDatabase,
        OpenStackOperator,
        OpenStackReader,
        OutsideWatch,
        PagerDuty,
        PlatformBlock,
        PostgresOperator,
        PostgresReader,
        ProbeNetwork,
        SlackApp,
        SlackWorkspace,
        TsigKey,
        WebhookPager,
    ]
