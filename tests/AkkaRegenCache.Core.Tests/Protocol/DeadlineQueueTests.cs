using AkkaRegenCache.Protocol;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Protocol;

public sealed class DeadlineQueueTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void It_gives_out_what_a_sorted_list_would_whatever_is_put_moved_and_removed(int seed)
    {
        var random = new Random(seed);
        var queue = new DeadlineQueue<Thing>();
        var things = Enumerable.Range(0, 200).Select(_ => new Thing()).ToArray();
        var model = new Dictionary<Thing, long>();
        long now = 0;
        for (var step = 0; step < 20_000; step++)
        {
            var thing = things[random.Next(things.Length)];
            switch (random.Next(4))
            {
                case 0 or 1:
                    thing.At = now + random.Next(1000);
                    queue.Put(thing);
                    model[thing] = Math.Min(thing.At, model.GetValueOrDefault(thing, long.MaxValue));
                    break;
                case 2:
                    queue.Remove(thing);
                    model.Remove(thing);
                    break;
                default:
                    now += random.Next(20);
                    while (queue.TryTake(now, out var taken))
                    {
                        Assert.Equal(model.Values.Min(), model[taken]);
                        model.Remove(taken);
                    }

                    break;
            }

            Assert.Equal(model.Count, queue.Count);
            Assert.Equal(model.Count == 0 ? long.MaxValue : model.Values.Min(), queue.First);
        }
    }

    [Fact]
    public void What_has_ended_or_never_wants_attention_is_not_taken_in()
    {
        var queue = new DeadlineQueue<Thing>();
        queue.Put(new Thing { At = 5, Ended = true });
        queue.Put(new Thing { At = long.MaxValue });
        Assert.Equal(0, queue.Count);
        Assert.False(queue.TryTake(long.MaxValue, out _));
    }

    private sealed class Thing : Timed
    {
        public long At { get; set; }

        public bool Ended { get; init; }

        public override long NextDeadline => At;

        public override bool IsOver => Ended;
    }
}
