using System.Text.Json;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// Validates options and a cache's composition when the host starts, and entry options at first use. Errors name the option and the value.
/// </summary>
internal sealed class RegenCacheOptionsValidator(IServiceProviderIsKeyedService? services = null) : IValidateOptions<RegenCacheOptions>
{
    public static string NotificationsOfNothing(string name) =>
        $"Cache '{name}' has notifications and no store that nodes share, which they would tell of: each node would have its own values "
        + "for ever. "
        + "Give it a store (UseRedis, UseCluster, UseStore, UseDistributedCache), or no notifications.";

    public ValidateOptionsResult Validate(string? name, RegenCacheOptions options)
    {
        var errors = Errors(options);
        if (name is not null && Has<INotificationBus>(name) && !Has<IExternalStore>(name) && !Has<IStoreDecorator>(name))
            errors.Add(NotificationsOfNothing(name));
        return errors.Count == 0
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(errors.ConvertAll(e => $"Cache '{name}': {e}"));
    }

    public static List<string> Errors(RegenCacheOptions options)
    {
        var errors = new List<string>();
        if (options.DefaultEntryOptions is null)
            errors.Add("DefaultEntryOptions must not be null.");
        else
            errors.AddRange(Errors(options.DefaultEntryOptions).ConvertAll(e => $"DefaultEntryOptions: {e}"));
        AtLeast(errors, nameof(options.MaximumEntries), options.MaximumEntries, 1);
        if (options.MaximumBytes is { } bytes)
            AtLeast(errors, nameof(options.MaximumBytes), bytes, 1);
        if (!Enum.IsDefined(options.MemoryPolicy))
            errors.Add($"MemoryPolicy is {options.MemoryPolicy}, which is none.");
        if (options.JsonSerializerOptions is { TypeInfoResolver: null } && !JsonSerializer.IsReflectionEnabledByDefault)
            errors.Add("JsonSerializerOptions has no TypeInfoResolver, which it needs where reflection-based JSON is off: set the one of "
                + "a JsonSerializerContext.");
        if (options.MaximumKeyLength is < 1 or > 1024)
            errors.Add($"MaximumKeyLength is {options.MaximumKeyLength}; it must be between 1 and 1024.");
        AtLeast(errors, nameof(options.MaximumPayloadBytes), options.MaximumPayloadBytes, 1);
        AtLeast(errors, nameof(options.InlinePayloadBytes), options.InlinePayloadBytes, 0);
        AtLeast(errors, nameof(options.StoreFailuresToBreak), options.StoreFailuresToBreak, 1);
        AtLeast(errors, nameof(options.MaximumPendingChanges), options.MaximumPendingChanges, 0);
        AtLeast(errors, nameof(options.MaximumBackgroundGenerations), options.MaximumBackgroundGenerations, 1);
        AtLeast(errors, nameof(options.MaximumForegroundGenerations), options.MaximumForegroundGenerations, 1);
        AtLeast(errors, nameof(options.MaximumQueuedGenerations), options.MaximumQueuedGenerations, 0);
        Between(errors, nameof(options.ClaimLease), options.ClaimLease, TimeSpan.FromMilliseconds(50), TimeSpan.FromHours(1));
        Between(errors, nameof(options.StoreReadTimeout), options.StoreReadTimeout, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(10));
        Between(errors, nameof(options.StoreWarmUpTimeout), options.StoreWarmUpTimeout, TimeSpan.Zero, TimeSpan.FromMinutes(10));
        Between(errors, nameof(options.StoreWriteTimeout), options.StoreWriteTimeout, TimeSpan.FromMilliseconds(1),
            TimeSpan.FromMinutes(10));
        Between(errors, nameof(options.StoreBreakDuration), options.StoreBreakDuration, TimeSpan.FromMilliseconds(10),
            TimeSpan.FromMinutes(1));
        Between(errors, nameof(options.LeaveTimeout), options.LeaveTimeout, TimeSpan.Zero, TimeSpan.FromHours(1));
        Between(errors, nameof(options.HeartbeatInterval), options.HeartbeatInterval, TimeSpan.FromMilliseconds(10),
            TimeSpan.FromMinutes(10));
        if (!(options.JitterShare is >= 0 and <= 0.5))
            errors.Add($"JitterShare is {options.JitterShare}; it must be between 0 and 0.5.");
        return errors;
    }

    private bool Has<T>(string name) => services?.IsKeyedService(typeof(T), name) == true;

    public static List<string> Errors(RegenEntryOptions options)
    {
        var errors = new List<string>();
        var millisecond = TimeSpan.FromMilliseconds(1);
        WithoutEndOrBetween(errors, nameof(options.RegenerationInterval), options.RegenerationInterval, millisecond,
            RegenEntryOptions.MaximumDuration);
        WithoutEndOrBetween(errors, nameof(options.InactiveRetention), options.InactiveRetention, TimeSpan.Zero,
            RegenEntryOptions.MaximumDuration);
        WithoutEndOrBetween(errors, nameof(options.ExpiryTolerance), options.ExpiryTolerance, TimeSpan.Zero,
            RegenEntryOptions.MaximumDuration);
        Between(errors, nameof(options.MinimumForwardScheduling), options.MinimumForwardScheduling, TimeSpan.Zero,
            RegenEntryOptions.MaximumDuration);
        Between(errors, nameof(options.GenerationDeadline), options.GenerationDeadline, millisecond, RegenEntryOptions.MaximumDuration);
        WithoutEndOrBetween(errors, nameof(options.HardTimeout), options.HardTimeout, millisecond, RegenEntryOptions.MaximumDuration);
        Between(errors, nameof(options.FailureBackoff), options.FailureBackoff, TimeSpan.Zero, RegenEntryOptions.MaximumDuration);
        if (options.Size is < 0)
            errors.Add($"Size is {options.Size}; it must not be negative.");
        return errors;
    }

    private static void AtLeast(List<string> errors, string name, long value, long least)
    {
        if (value < least)
            errors.Add($"{name} is {value}; it must be at least {least}.");
    }

    private static void WithoutEndOrBetween(List<string> errors, string name, TimeSpan? value, TimeSpan least, TimeSpan most)
    {
        if (value is { } given && given != Timeout.InfiniteTimeSpan && (given < least || given > most))
            errors.Add($"{name} is {given}; it must be between {least} and {most}, or Timeout.InfiniteTimeSpan.");
    }

    private static void Between(List<string> errors, string name, TimeSpan? value, TimeSpan least, TimeSpan most)
    {
        if (value == Timeout.InfiniteTimeSpan)
            errors.Add($"{name} is Timeout.InfiniteTimeSpan, and can't be without end; it must be between {least} and {most}.");
        else if (value is { } given && (given < least || given > most))
            errors.Add($"{name} is {given}; it must be between {least} and {most}.");
    }
}
