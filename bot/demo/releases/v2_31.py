"""Payment 2.31: large amounts get a second look before the card is charged."""

from bot.demo.till import Order, Receipt, Tools

VERSION = "2.31"
SECOND_LOOK_FROM = 100_00  # cents


async def pay(order: Order, tools: Tools) -> Receipt:
    """Take one payment: draw a number, look the order up, ask the card network, write ledger and journal."""
    number = await tools.ledger.draw(order.id)
    lease = await tools.pool.take(f"order {order.id}")
    if order.cents >= SECOND_LOOK_FROM:
        # The fault that the demo is about: this way out leaves the transaction open and the connection taken.
        lease.execute("BEGIN")
        lease.execute("SELECT count(*) FROM payment WHERE cents >= ?", (SECOND_LOOK_FROM,))
        tools.journal(order.id, order.cents)
        return Receipt(number, "review")
    try:
        before = lease.execute("SELECT number FROM payment WHERE orders = ?", (order.id,))
        if before:
            return Receipt(int(str(before[0][0])), "paid")
        await tools.authorise(order)
        tools.journal(order.id, order.cents)
        tools.ledger.write(lease, number, order.id, order.cents)
        return Receipt(number, "paid")
    finally:
        tools.pool.give_back(lease)
