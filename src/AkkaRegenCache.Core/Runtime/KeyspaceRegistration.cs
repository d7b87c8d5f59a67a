using Microsoft.Extensions.DependencyInjection;

namespace AkkaRegenCache.Runtime;

/// <summary>A registered keyspace: a keyed service under its cache's name. Immutable.</summary>
internal abstract class KeyspaceRegistration(string name)
{
    /// <summary>The keyspace's name.</summary>
    public string Name { get; } = name;

    /// <summary>Creates the source of the keyspace's values for one cache.</summary>
    public abstract KeyspaceSource CreateSource(IServiceScopeFactory scopes, EntryProfiles profiles);

    /// <summary>Throws if a name or its options are not usable; the message names them.</summary>
    public static void Check(string keyspace, RegenEntryOptions? options)
    {
        ArgumentException.ThrowIfNullOrEmpty(keyspace);
        if (keyspace.Contains(Keyspaces.Separator))
        {
            throw new ArgumentException(
                $"The keyspace's name '{keyspace}' has a '{Keyspaces.Separator}'; that ends the name in a key.", nameof(keyspace));
        }

        if (KeyCheck.IndexOfLoneSurrogate(keyspace) is >= 0 and var at)
            throw new ArgumentException($"The keyspace's name has a lone surrogate (U+{(int)keyspace[at]:X4}) at position {at}.",
                nameof(keyspace));
        if (options is not null && RegenCacheOptionsValidator.Errors(options) is { Count: > 0 } errors)
            throw new ArgumentException($"Keyspace '{keyspace}': {string.Join(' ', errors)}", nameof(options));
    }
}

/// <inheritdoc/>
internal sealed class KeyspaceRegistration<T>(
    string name,
    Func<IServiceProvider, string, GenerationContext, CancellationToken, ValueTask<T>> generator,
    RegenEntryOptions? options) : KeyspaceRegistration(name)
{
    public override KeyspaceSource CreateSource(IServiceScopeFactory scopes, EntryProfiles profiles) =>
        new KeyspaceSource<T>(Name, generator, scopes, profiles.Resolve(options));
}
