using System.Collections.Frozen;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Protocol;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// A cache's registered generators, found by a key's keyspace: the text before its first colon. Thread-safe; a lookup allocates nothing.
/// </summary>
internal sealed class Keyspaces
{
    /// <summary>Separates the keyspace's name from the key within it.</summary>
    public const char Separator = ':';

    private const string SeparatorText = ":";

    private readonly FrozenDictionary<string, KeyspaceSource> _sources;
    private readonly FrozenDictionary<string, KeyspaceSource>.AlternateLookup<ReadOnlySpan<char>> _byName;
    private readonly string _cacheName;

    /// <summary>Makes a cache's sources, one for each registration.</summary>
    /// <param name="cacheName">The cache's name, for errors.</param>
    /// <param name="registrations">The registrations, with distinct names.</param>
    /// <param name="services">Creates the scopes. Needed only if a keyspace is registered.</param>
    /// <param name="profiles">Resolves options for the cache.</param>
    public Keyspaces(
        string cacheName, IEnumerable<KeyspaceRegistration> registrations, IServiceProvider? services, EntryProfiles profiles)
    {
        _cacheName = cacheName;
        var all = registrations.ToArray();
        var scopes = services?.GetService<IServiceScopeFactory>();
        if (all.Length != 0 && scopes is null)
            throw new ArgumentException($"Cache '{cacheName}' has keyspaces, and no service provider that makes scopes for them.",
                nameof(services));
        _sources = all.ToFrozenDictionary(each => each.Name, each => each.CreateSource(scopes!, profiles), StringComparer.Ordinal);
        _byName = _sources.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    public bool IsEmpty => _sources.Count == 0;

    /// <summary>The key within a keyspace, as its generator gets it.</summary>
    public static string KeyWithin(string keyspace, string key) => key[(keyspace.Length + 1)..];

    /// <summary>The key that is stored.</summary>
    /// /// <exception cref="ArgumentException">The keyspace contains a colon, so the full key would belong to another keyspace.</exception>
    public static string FullKey(string keyspace, string key)
    {
        ArgumentNullException.ThrowIfNull(keyspace);
        ArgumentNullException.ThrowIfNull(key);
        if (keyspace.Contains(Separator))
            throw new ArgumentException($"A keyspace's name has no '{Separator}': '{keyspace}'.", nameof(keyspace));
        return string.Concat(keyspace, SeparatorText, key);
    }

    /// <summary>The source of a key: the same instance for a whole keyspace. Null: its keyspace is not registered. Never throws.</summary>
    public GeneratorSource? SourceFor(string key) => Find(key);

    /// <inheritdoc cref="SourceFor"/>
    public KeyspaceSource? Find(string key)
    {
        var at = _sources.Count == 0 ? -1 : key.IndexOf(Separator, StringComparison.Ordinal);
        return at > 0 && at < key.Length - 1 && _byName.TryGetValue(key.AsSpan(0, at), out var source) ? source : null;
    }

    /// <summary>The error of a read of a key whose keyspace is not registered.</summary>
    public ArgumentException Unknown(string key)
    {
        var at = key.IndexOf(Separator, StringComparison.Ordinal);
        return new ArgumentException(
            at < 0 ? $"The key '{key}' has no keyspace: it is what comes before the first '{Separator}', as in 'users{Separator}42'."
            : _sources.ContainsKey(key[..at]) ? $"The key '{key}' has nothing after its keyspace."
            : $"Cache '{_cacheName}' has no keyspace '{key[..at]}' (of the key '{key}'): register it with AddKeyspace.",
            nameof(key));
    }

    /// <summary>The error of a read with another type than the registered one.</summary>
    public static InvalidOperationException WrongType<T>(string key, KeyspaceSource source) =>
        new($"The keyspace '{source.Keyspace}' is registered with values of type {source.ValueType}; "
            + $"'{key}' was asked for as {typeof(T)}.");
}
