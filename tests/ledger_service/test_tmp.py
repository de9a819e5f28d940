import time
def test_x(county, books):
    from ledger_service.reports.reconciliation import reconcile, HEADER
    from ledger_service.bank import read_statement
    t=time.time()
    rec = reconcile(county.chain, books, read_statement(county.statement), county.registers)
    print(time.time()-t)
    for r in rec.summary: print(" | ".join(r))
    print(len(rec.rows), rec.differs)
    for r in rec.differences: print(r.cells)
