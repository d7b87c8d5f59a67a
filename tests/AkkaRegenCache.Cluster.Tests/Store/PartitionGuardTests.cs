using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Time;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests.Store;

public sealed class PartitionGuardTests
{
    private readonly VirtualTimeProvider _time = new();
    private readonly PartitionGuard _guard;
    private bool _isDoubtful;

    public PartitionGuardTests()
    {
        _guard = new PartitionGuard(_time, () => _isDoubtful);
    }

    [Fact]
    public void After_two_timeouts_in_a_row_calls_are_refused_but_for_a_probe_now_and_then()
    {
        _guard.OnTimeout();
        Assert.True(_guard.MayAsk());
        _guard.OnTimeout();
        Assert.False(_guard.MayAsk());
        _time.Advance(PartitionGuard.ProbeInterval - TimeSpan.FromMilliseconds(1));
        Assert.False(_guard.MayAsk());

        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(_guard.MayAsk());
        Assert.False(_guard.MayAsk());
        _guard.OnTimeout();
        _time.Advance(PartitionGuard.ProbeInterval);
        Assert.True(_guard.MayAsk());
    }

    [Fact]
    public void After_a_node_has_died_the_first_timeout_is_enough()
    {
        _isDoubtful = true;
        _guard.OnTimeout();
        Assert.False(_guard.MayAsk());
        _time.Advance(PartitionGuard.ProbeInterval);
        Assert.True(_guard.MayAsk());
        _guard.OnAnswer();
        _isDoubtful = false;
        _guard.OnTimeout();
        Assert.True(_guard.MayAsk());
    }

    [Fact]
    public void An_answer_opens_the_part_again_and_makes_the_count_begin_anew()
    {
        _guard.OnTimeout();
        _guard.OnTimeout();
        _guard.OnAnswer();
        Assert.True(_guard.MayAsk());
        _guard.OnTimeout();
        Assert.True(_guard.MayAsk());
    }
}
