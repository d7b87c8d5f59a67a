using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Hosting;

/// <summary>
/// Durations without end in a configuration file: a TimeSpan is written as text there, and this one is minus a
/// millisecond.
/// </summary>
public sealed class ConfigurationBindingTests
{
    private const string Infinite = "-00:00:00.001";

    [Fact]
    public async Task Durations_without_end_are_bound_and_used()
    {
        await using var provider = Application(
            ("DefaultEntryOptions:RegenerationInterval", "00:00:30"),
            ("DefaultEntryOptions:InactiveRetention", Infinite),
            ("DefaultEntryOptions:ExpiryTolerance", Infinite),
            ("DefaultEntryOptions:HardTimeout", Infinite));

        var options = provider.GetRequiredService<IOptionsMonitor<RegenCacheOptions>>().Get("bound").DefaultEntryOptions;

        Assert.Equal(TimeSpan.FromSeconds(30), options.RegenerationInterval);
        Assert.Equal(Timeout.InfiniteTimeSpan, options.InactiveRetention);
        Assert.Equal(Timeout.InfiniteTimeSpan, options.ExpiryTolerance);
        Assert.Equal(Timeout.InfiniteTimeSpan, options.HardTimeout);
        Assert.Equal("made", await provider.GetRequiredService<IRegenCache>().GetOrCreateAsync("key", _ => new ValueTask<string>("made")));
    }

    [Theory]
    [InlineData("DefaultEntryOptions:GenerationDeadline", "GenerationDeadline")]
    [InlineData("DefaultEntryOptions:FailureBackoff", "FailureBackoff")]
    [InlineData("DefaultEntryOptions:MinimumForwardScheduling", "MinimumForwardScheduling")]
    [InlineData("ClaimLease", "ClaimLease")]
    [InlineData("StoreReadTimeout", "StoreReadTimeout")]
    [InlineData("StoreWarmUpTimeout", "StoreWarmUpTimeout")]
    [InlineData("StoreWriteTimeout", "StoreWriteTimeout")]
    [InlineData("StoreBreakDuration", "StoreBreakDuration")]
    [InlineData("LeaveTimeout", "LeaveTimeout")]
    [InlineData("HeartbeatInterval", "HeartbeatInterval")]
    public async Task A_duration_that_must_end_is_an_error_that_names_the_option(string key, string option)
    {
        await using var provider = Application((key, Infinite));

        var error = Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IRegenCache>());

        Assert.Contains($"{option} is Timeout.InfiniteTimeSpan", error.Message, StringComparison.Ordinal);
    }

    private static ServiceProvider Application(params (string Key, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create("Cache:" + setting.Key, (string?)setting.Value)))
            .Build();
        var services = new ServiceCollection();
        services.AddRegenCache("bound");
        services.Configure<RegenCacheOptions>("bound", configuration.GetSection("Cache"));
        return services.BuildServiceProvider();
    }
}
