using AkkaRegenCache.Runtime;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Runtime;

/// <summary>A store that refuses, or is gone, fails every key alike: each kind is told once, and counted.</summary>
public sealed class StoreFailureLogTests
{
    private static readonly long s_second = TimeSpan.TicksPerSecond;

    private readonly LogLines _log = new();
    private readonly StoreFailureLog _failures;

    public StoreFailureLogTests() => _failures = new StoreFailureLog(_log, "cache");

    [Fact]
    public void Each_kind_is_told_once_and_counted_at_the_end_of_its_interval()
    {
        for (var i = 0; i < 5; i++)
        {
            _failures.Tell(new StoreRefusedException("full"), "Write", $"key {i}", now: 0);
            _failures.Tell(new IOException("gone"), "Read", $"key {i}", now: s_second);
        }

        Assert.Equal(2, _log.Of(LogLevel.Warning).Count);
        _failures.TellRest(9 * s_second);
        Assert.Equal(2, _log.Of(LogLevel.Warning).Count);
        _failures.TellRest(10 * s_second);
        Assert.Contains(" 4 further", _log.Of(LogLevel.Warning)[2], StringComparison.Ordinal);
        _failures.Tell(new StoreRefusedException("full"), "Write", "later", now: 10 * s_second);
        Assert.Contains("'later'", _log.Of(LogLevel.Warning)[3], StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_counted_is_told_as_history_when_the_store_is_back()
    {
        for (var i = 0; i < 5; i++)
            _failures.Tell(new IOException("gone"), "Read", $"key {i}", now: 0);
        _failures.TellEnd();
        _failures.TellRest(long.MaxValue);
        Assert.Single(_log.Of(LogLevel.Warning));
        Assert.Contains(" 4 further", Assert.Single(_log.Of(LogLevel.Information)), StringComparison.Ordinal);
    }
}
