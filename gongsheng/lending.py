"""A loan against coming income, from two signatures to the release of the lien."""

from __future__ import annotations

from dataclasses import replace

from eth_account.signers.local import LocalAccount

from gongsheng.county import DAY
from ledger_service.chain.client import Chain
from ledger_service.chain.typed_data import Conditions, Instalment, Terms, sign_terms
from ledger_service.domain.identifiers import bytes32_of

ANNUAL_RATE_BPS = 435
FIRST_DUE_DAYS = 30
OVERDUE_RATE_BPS = 218
"""Half as much again on overdue principal, as banks here agree it."""
MAXIMUM_LTV_BPS = 8_000


def terms_for(
    chain: Chain,
    *,
    holder: LocalAccount,
    lender: LocalAccount,
    agreement: str,
    leg: int,
    first_period: int,
    bps: int,
    principal: int,
    nonce: int,
) -> Terms:
    """One year of `bps` of the holder's income, for a loan that falls due in one instalment after 30 days.

    Args:
        chain: The deployment under whose clock the loan runs.
        holder: Who pledges and borrows.
        lender: Who lends.
        agreement: Agreement that the income comes from.
        leg: Leg of it.
        first_period: First of twelve pledged months.
        bps: Pledged share.
        principal: Fen lent.
        nonce: The parties' number.
    """
    now = chain.timestamp()
    return Terms(
        holder=holder.address,
        lender=lender.address,
        agreement=bytes32_of(agreement),
        leg=leg,
        fromPeriod=first_period,
        toPeriod=first_period + 11,
        bps=bps,
        principal=principal,
        annualRateBps=ANNUAL_RATE_BPS,
        schedule=(Instalment(dueAt=now + FIRST_DUE_DAYS * DAY, principal=principal),),
        conditions=Conditions(
            disburseBy=now + FIRST_DUE_DAYS * DAY,
            grace=10 * DAY,
            remediation=30 * DAY,
            overdueRateBps=OVERDUE_RATE_BPS,
            costsCap=principal // 20,
            value=principal * 2,
            maximumLtvBps=MAXIMUM_LTV_BPS,
        ),
        certificate=bytes(32),
        nonce=nonce,
        deadline=now + DAY,
    )


def commit(chain: Chain, terms: Terms, holder: LocalAccount, lender: LocalAccount, carrier: LocalAccount) -> bytes:
    """Both sign, somebody carries the signatures; the income is reserved from here on.

    Returns:
        The pledge's id.
    """
    pledges = chain.contract("Pledges").functions
    signatures = sign_terms(chain, terms, holder), sign_terms(chain, terms, lender)
    pledge: bytes = chain.call(pledges.pledgeId(terms.as_tuple()))
    chain.send(pledges.commit(terms.as_tuple(), *signatures), carrier)
    return pledge


def perfect_and_disburse(chain: Chain, pledge: bytes, terms: Terms, lender: LocalAccount, register_number: str) -> None:
    """Enters the lien in the statutory register and pays the principal out."""
    pledges = chain.contract("Pledges")
    expiry = terms.schedule[-1].dueAt + 365 * DAY
    commitment = bytes32_of("collection-account-commitment")
    perfection = (bytes32_of(register_number), expiry, commitment, bytes32_of("debtor-notice-hash"))
    chain.send(pledges.functions.perfect(pledge, perfection), lender)
    chain.send(chain.contract("CnyVoucher").functions.approve(pledges.address, terms.principal), lender)
    chain.send(pledges.functions.disburse(pledge), lender)


def repay_rest(chain: Chain, pledge: bytes, payer: LocalAccount) -> int:
    """Pays what is still owed out of the payer's own vouchers.

    Returns:
        The fen that were taken.
    """
    pledges = chain.contract("Pledges")
    principal, interest, *_ = chain.call(pledges.functions.debtOf(pledge))
    # Interest accrues until the block of the payment; whatever is not owed stays with the payer.
    limit = principal + interest + principal // 1_000 + 1
    voucher = chain.contract("CnyVoucher").functions
    before = chain.call(voucher.balanceOf(payer.address))
    chain.send(voucher.approve(pledges.address, limit), payer)
    chain.send(pledges.functions.repay(pledge, limit), payer)
    return int(before - chain.call(voucher.balanceOf(payer.address)))


def again(terms: Terms) -> Terms:
    """The same pledge a second time: other terms by their nonce alone."""
    return replace(terms, nonce=terms.nonce + 1)
