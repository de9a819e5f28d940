import time
def test_x(county, books):
    from ledger_service.domain.books import AccountKind
    with books.reading() as r:
        print(r.head(), len(list(r.records())))
        for k in AccountKind:
            for (a, asset), b in r.balances(k).items(): print(str(a)[:100], asset, b)
